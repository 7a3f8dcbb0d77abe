"""Compute the layers' definitions with few passes over memory, forward and backward."""
