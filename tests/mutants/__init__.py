"""Mutation tests: change the code in one place, and see whether its tests notice (make mutants)."""
