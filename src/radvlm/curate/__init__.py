"""What is written about studies before a data set is built: edited reports, conversations."""
