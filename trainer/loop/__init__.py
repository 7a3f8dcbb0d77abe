"""Run the training loop: steps, phases, held-out measures, checkpoints."""
