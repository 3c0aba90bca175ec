"""What files say of where their samples lie, a module for each format; and how that is said of a result."""
