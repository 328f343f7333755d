"""From studies to the instruction data set."""
