"""Tests of InstanceExport."""
