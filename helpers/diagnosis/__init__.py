"""What is wrong with a .tflite file: findings, each with its evidence and what to do."""
