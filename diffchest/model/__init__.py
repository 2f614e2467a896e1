"""The diffusion autoencoder, its file, and the import of the authors' checkpoints."""
