"""One file a figure, as sufficient statistics."""
