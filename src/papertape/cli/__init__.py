"""Command line: words in, words out; everything it builds, it builds in `wiring`."""
