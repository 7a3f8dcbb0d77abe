"""Evaluate encoders on labeled tasks: encode examples, fine-tune, and compute vectors."""
