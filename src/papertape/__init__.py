"""papertape: a trading workbench."""
