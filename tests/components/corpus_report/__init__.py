"""Tests of the corpus report: statistics, findings, charts and the page."""
