"""What is looked at before money is spent."""
