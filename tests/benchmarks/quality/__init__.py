"""Compare models of equal cost on labeled tasks."""
