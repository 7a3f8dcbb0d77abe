"""Turn gradients into updates: schedules and optimizers over named variables."""
