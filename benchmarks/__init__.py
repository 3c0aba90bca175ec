"""Benchmarks: poolcli beside a plain copy, its peers and itself, in one process (``BENCHMARKS.md``)."""
