"""Compile a recipe into a Kubeflow pipeline spec."""
