"""Sorting and selection networks: the graph of comparisons, its program, and what runs or generates it."""
