"""Run the tasks of a spec: inputs, drivers, cache, containers, records."""
