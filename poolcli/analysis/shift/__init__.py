"""Poolings of a picture that moves."""
