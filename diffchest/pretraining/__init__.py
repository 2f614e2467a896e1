"""Pretraining of the diffusion autoencoder, and what it learned of held-out radiographs."""
