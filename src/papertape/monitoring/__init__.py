"""Monitoring: what a person watches while, and reads after, a session trades."""
