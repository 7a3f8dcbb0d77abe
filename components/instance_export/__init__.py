"""InstanceExport: instances to the records of other systems, and their records to ours."""
