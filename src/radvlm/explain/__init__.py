"""Diffusion autoencoder: patient-specific explanations and the audit of confounders."""
