"""A folder for the PYTHONPATH of containers' commands: Python runs `sitecustomize` at its start."""
