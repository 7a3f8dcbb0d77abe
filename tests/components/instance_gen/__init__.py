"""Tests of InstanceGen."""
