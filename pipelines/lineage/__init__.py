"""Lineage: from a model to every byte that made it, and from a text to all that it led to."""
