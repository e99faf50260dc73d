"""SignalCore: a strategy's wish becomes orders of the right size."""
