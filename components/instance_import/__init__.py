"""InstanceImport: turn the records of other systems into instances."""
