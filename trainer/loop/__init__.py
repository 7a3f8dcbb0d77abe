"""Run the training loop: steps, phases, held-out evaluation, checkpoints."""
