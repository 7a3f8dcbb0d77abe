"""Test the tools that write and check the documentation."""
