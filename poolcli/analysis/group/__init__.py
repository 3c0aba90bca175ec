"""Poolings over stacks of arrays and over transformed copies."""
