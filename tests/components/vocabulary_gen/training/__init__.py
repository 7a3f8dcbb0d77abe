"""Tests of training a vocabulary."""
