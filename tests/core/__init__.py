"""Tests of what every floor needs: storage, manifests, settings, draws."""
