"""Tests of the filters that leave out documents of low quality."""
