"""One document: its id, its tf.Example record and its split."""
