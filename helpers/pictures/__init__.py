"""Cats and dogs from three sources, all in one shape."""
