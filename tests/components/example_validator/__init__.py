"""Tests of the validation that stops a run on spoiled data."""
