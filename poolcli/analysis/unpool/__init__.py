"""Pooled values back at the size of the input, and how libraries number indices."""
