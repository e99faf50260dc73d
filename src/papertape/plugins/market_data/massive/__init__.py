"""Massive's own words, read: answers of its REST interface and frames of its stream."""
