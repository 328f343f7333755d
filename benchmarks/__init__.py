"""Slow proofs and what they measured; every figure in a document comes from ``results/``."""
