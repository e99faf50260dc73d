"""The simulated exchange: the one matching core, for backtest, replay and paper."""
