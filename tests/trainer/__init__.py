"""Tests of training: the mathematics, whole runs, and resuming."""
