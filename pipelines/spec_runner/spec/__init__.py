"""Parse a compiled pipeline spec: parameters, placeholders, conditions, artifacts."""
