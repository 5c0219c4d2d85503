"""What a number is in a computer: affine quantization, its errors, a float taken apart.  NumPy and SciPy only."""
