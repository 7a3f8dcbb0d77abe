"""Measurements that print a table; no test runs them."""
