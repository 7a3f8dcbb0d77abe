"""Compare two runs or models, and explain the difference in one sentence."""
