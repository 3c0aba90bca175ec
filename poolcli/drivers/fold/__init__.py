"""The drivers of folds: reductions whose parts merge in any grouping."""
