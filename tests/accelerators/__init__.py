"""Compile the training step ahead of time for TPUs, and measure it on a GPU, outside TensorFlow."""
