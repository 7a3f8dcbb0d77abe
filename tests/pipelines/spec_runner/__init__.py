"""Tests of running a compiled pipeline on this machine."""
