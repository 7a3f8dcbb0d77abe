"""Load recipes, check their settings, and list them."""
