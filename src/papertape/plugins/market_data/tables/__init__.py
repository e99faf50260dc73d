"""Tables of prices: from a file's bytes to text, from text to columns, from columns to bars."""
