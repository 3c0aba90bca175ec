"""Chunked arrays: a plan cut into boxes that follow chunks, each read, pooled and written by a job of its own.

A job is a value: it can go to a thread, or to another machine. No two jobs write into one chunk, so none waits for
another, and one that is done twice does no harm.
"""
