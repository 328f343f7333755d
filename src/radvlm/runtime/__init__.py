"""Checkpoints and what runs share, whatever they compute."""
