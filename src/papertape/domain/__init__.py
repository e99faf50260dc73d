"""The nouns of trading; they know nobody but the standard library and NumPy."""
