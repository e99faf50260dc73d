"""Market data from outside, made ours: one plugin a provider, all behind `source.MarketData`."""
