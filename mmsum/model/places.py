"""The one token id that no tokenizer has."""

PLACE = -1
"""Stands in a prompt where a soft token of a figure goes."""
