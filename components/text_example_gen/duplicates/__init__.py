"""Find near-duplicate documents by MinHash signatures."""
