"""Execute the tasks of a spec: inputs, drivers, cache keys, containers, results."""
