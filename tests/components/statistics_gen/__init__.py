"""Tests of the statistics that TFDV reads."""
