"""Tests of components/instance_gen/masking."""
