"""ProofBench: a strategy over history, and the evidence that comes with the result."""
