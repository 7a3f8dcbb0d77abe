"""InstanceGen: turn documents into training instances."""
