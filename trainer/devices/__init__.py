"""Choose the distribution strategy, supervise workers, and stop on signals."""
