"""Review runs: trace a model back to its text, compare runs, verify digests, export the graph."""
