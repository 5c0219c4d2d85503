""".tflite files: made, read, changed, run."""
