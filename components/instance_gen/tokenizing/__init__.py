"""Turn document shards into token ids."""
