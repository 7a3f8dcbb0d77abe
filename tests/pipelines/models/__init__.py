"""Tests of `textmill models`."""
