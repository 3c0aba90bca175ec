"""Objects behind URLs: read, written, listed and looked for through fsspec."""
