"""Sessions: a strategy on a paper account, driven by a feed and a clock."""
