"""Several poolings of one array side by side."""
