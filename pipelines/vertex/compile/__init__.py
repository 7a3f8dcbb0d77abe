"""Compile a recipe to a pipeline spec."""
