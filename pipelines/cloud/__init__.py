"""Reach Google Cloud: clients, credentials, and its errors as sentences."""
