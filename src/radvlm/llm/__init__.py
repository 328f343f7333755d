"""Language models behind OpenAI-compatible endpoints: calls, their store, budget and egress."""
