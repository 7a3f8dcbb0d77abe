"""A Dataflow service on loopback, and the tests of what Textmill asks of it."""
