"""radvlm's models for other programs."""
