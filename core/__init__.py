"""Hold what every floor stands on: errors, storage, manifests, settings, draws, vocabularies."""
