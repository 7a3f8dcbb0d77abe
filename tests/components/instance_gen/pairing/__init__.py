"""Tests of components/instance_gen/pairing."""
