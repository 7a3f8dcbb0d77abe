"""Tests see what a user sees: libraries keep quiet."""

from pipelines.quiet import hush

hush(verbose=False)
