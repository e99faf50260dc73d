"""`papertape data`: prices fetched, imported, looked at and handed on; one file a verb."""
