"""From a plan to results: which kernel, on which blocks, on how many threads."""
