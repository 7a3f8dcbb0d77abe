"""Evaluate any model on labeled tasks, outside of a run."""
