"""InstanceExport: instances to the records of other systems."""
