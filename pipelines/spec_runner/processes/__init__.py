"""Run container commands as local processes, and serve custom jobs on loopback."""
