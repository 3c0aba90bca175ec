"""How one value of a pooling comes about: its window, the samples in it, the arithmetic, the rounding."""
