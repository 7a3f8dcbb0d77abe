"""Tests of the model card and its facts."""
