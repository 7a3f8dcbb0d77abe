"""Sort documents by id and write them to shards."""
