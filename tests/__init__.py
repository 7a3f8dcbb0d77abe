"""Tests of Textmill, in the folders of the code that they test."""
