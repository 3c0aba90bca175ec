"""What every output can become when inputs move within intervals."""
