"""What changes a network so that fewer bits suffice, before it is rounded, while it is, and afterwards.

Ranges and grids, rounding to nearest or by a rule (AdaRound, GPTQ), equalization, bias correction, bits under a budget,
training with the rounding, pruning.
"""
