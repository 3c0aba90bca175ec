"""The loops: plain Python over flat buffers, which ``jit`` turns into machine code.

Every function here runs both ways: compiled by Numba over raw pointers, and as it stands over flat NumPy arrays (slow,
equal). So it keeps to what both know: indexing, whole numbers, floats, loops, tuples; it allocates nothing, raises
nothing, and scratch space is passed in.
"""
