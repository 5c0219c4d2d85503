"""How good, how fast, how expensive: accuracy and its statistics, latency, energy, and what can be concluded."""
