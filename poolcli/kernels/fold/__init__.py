"""Folds: reducers that merge samples pairwise, by states that are merged along rows, then along columns."""
