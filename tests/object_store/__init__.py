"""Emulate Google Cloud Storage on loopback, behind a TLS proxy that logs and injects faults."""
