"""Tests of the images, as far as they go without a container engine."""
