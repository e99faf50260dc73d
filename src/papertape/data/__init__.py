"""Bars at rest: corporate actions, and history told as a stream of moments."""
