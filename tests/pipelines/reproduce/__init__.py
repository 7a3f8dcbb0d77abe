"""Runs that are made again, and compared byte for byte."""
