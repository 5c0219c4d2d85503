"""The int8 network in NumPy integers, bit for bit TFLite's.  It loads no TensorFlow."""
