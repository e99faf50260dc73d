"""IEX HIST: the exchange's own messages of a day, from a packet capture to trades and bars."""
