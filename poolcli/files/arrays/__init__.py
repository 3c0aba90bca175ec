"""Arrays in files: .npy and .npz, numbers as text, and matrices typed in place of a name."""
