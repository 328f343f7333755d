"""The whole way once on simulated radiographs, in a few minutes on two cores."""
