"""The number from which everything that is left to chance starts."""

SEED = 20
