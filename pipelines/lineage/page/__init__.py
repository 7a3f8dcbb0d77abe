"""The lineage page: one HTML file, from the list of runs down to one artifact."""
