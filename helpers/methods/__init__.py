"""What changes a network so that fewer bits suffice: ranges, fake quantization, training with it, pruning."""
