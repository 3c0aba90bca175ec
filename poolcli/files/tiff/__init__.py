"""TIFF: what Pillow leaves out, pyramids, cloud-optimised files."""
