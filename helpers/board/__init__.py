"""Microcontrollers: what fits into them, and how many instructions a network takes there."""
