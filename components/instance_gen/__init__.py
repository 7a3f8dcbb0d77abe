"""InstanceGen: documents and a vocabulary to training instances."""
