"""Report progress and the facts of a run."""
