"""Names: which of them are inputs, which outputs follow from them, and which mean URLs or chunked arrays."""
