"""Submit runs, watch them, and read their logs."""
