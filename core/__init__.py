"""Hold what every floor stands on: errors, storage, manifests, settings, random draws, vocabularies."""
