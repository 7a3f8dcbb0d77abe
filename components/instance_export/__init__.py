"""InstanceExport: write instances as records of other systems."""
