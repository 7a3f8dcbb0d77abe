"""Tests of starting from the weights of another model."""
