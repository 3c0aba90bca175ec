"""Pictures of numbers: heat maps and contact sheets, drawn with NumPy and Pillow alone. No axes, no plots."""
