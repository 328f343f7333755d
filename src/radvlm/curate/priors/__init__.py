"""Reports without what only a comparison with another examination could tell (paper, §3.1.1)."""
