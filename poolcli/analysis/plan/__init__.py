"""What a chain of poolings makes of a shape, and which settings give a wanted shape."""
