"""InstanceImport: the records of other systems to instances, which our trainer reads."""
