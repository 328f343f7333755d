"""The simulated cohort written in the on-disk format of each public release, traps included."""
