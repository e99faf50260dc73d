"""Quality: what is wrong with a history, as values, and what would mend it."""
