"""Export lineage as JSON and as OpenLineage events."""
