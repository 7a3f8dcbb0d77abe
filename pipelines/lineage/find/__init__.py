"""Find runs and artifacts, list them and show them."""
