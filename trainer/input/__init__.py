"""Read instances, order them, batch them, mask them and distribute them to replicas."""
