"""Comparison of the quality filters with datatrove's."""
