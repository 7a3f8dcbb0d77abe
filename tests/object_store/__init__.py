"""Run Google Cloud Storage on loopback: an emulator behind a TLS proxy that logs and injects faults."""
