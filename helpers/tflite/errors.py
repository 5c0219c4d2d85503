"""What is raised for a .tflite file that cannot be read."""


class Unreadable(ValueError):
    """A .tflite file whose contents cannot be read; the message names the tensor or the operator."""


class Unsupported(Unreadable):
    """A .tflite file with something in it that may be right and is not read here; the message says what to do."""
