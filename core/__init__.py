"""Provide what every floor uses: errors, storage, manifests, settings, draws and vocabularies."""
