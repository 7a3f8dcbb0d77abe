"""The pipelines: recipes to one DAG, and the ways to run, plan and review it."""
