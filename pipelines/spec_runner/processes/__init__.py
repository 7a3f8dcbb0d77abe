"""Run container commands as local processes, and play the custom job service."""
