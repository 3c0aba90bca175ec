"""Arrays pooled again and again."""
