"""Who drives which kernel: each file chooses one family of kernels by types and geometry, and lays out its buffers."""
