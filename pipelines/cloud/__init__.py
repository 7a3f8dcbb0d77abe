"""Connect to Google Cloud: clients, credentials, and readable errors."""
