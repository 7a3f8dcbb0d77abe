"""Predict which nodes a run would execute and why, and what training would cost."""
