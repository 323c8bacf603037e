"""Domain features z = G(f): what takes the class out of image features."""
