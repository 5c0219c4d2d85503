"""The plumbing behind the notebooks of the post-training quantization course.

Each module holds one idea.  Importing one never touches the network, and this file imports nothing heavy.
"""
