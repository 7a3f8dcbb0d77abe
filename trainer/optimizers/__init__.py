"""Gradients to updates: schedules and optimizers over named variables."""
