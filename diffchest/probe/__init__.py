"""The linear probe on the semantic latent."""
