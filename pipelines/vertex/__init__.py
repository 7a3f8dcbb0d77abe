"""Run pipelines on Vertex AI: compile, submit, schedule, and check for problems."""
