"""Tests of devices, training workers and stop signals."""
