"""Tests of recipes, the DAG, and the ways to run and review it."""
