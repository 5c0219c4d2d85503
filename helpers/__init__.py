"""The plumbing behind the notebooks of the post-training quantization course.

Each module holds one idea.  Importing one never touches the network, and this file imports nothing heavy.
"""

__version__ = "0.2.0"  # results of another version are made again: see `base.cache`
