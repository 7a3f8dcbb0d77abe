"""List the published versions of a model, and move the alias of the one to use."""
