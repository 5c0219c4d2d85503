"""The kinds of .tflite files that the course makes, and what their files are called."""

KINDS = ("float32", "dynamic range", "float16", "int8, float in/out", "int8", "int16x8")
SIGNATURE = "serving_default"  # the name under which a SavedModel offers its computation
GRAPH = "saved_model.pb"  # the file of a SavedModel that holds its computation


def filename(kind: str) -> str:
    """Return the file name of a kind: 'int8, float in/out' becomes 'int8_float_in_out.tflite'."""
    return kind.replace(", ", "_").replace(" ", "_").replace("/", "_") + ".tflite"
