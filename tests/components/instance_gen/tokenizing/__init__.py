"""Tests of components/instance_gen/tokenizing."""
