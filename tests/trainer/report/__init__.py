"""Tests of the figures, progress and facts of a training run."""
