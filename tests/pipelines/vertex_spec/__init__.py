"""Tests of the compiled spec."""
