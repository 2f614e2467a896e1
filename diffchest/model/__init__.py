"""The diffusion autoencoder, its file, and the import of the authors' checkpoints."""

from diffchest.model.authors.network import load_authors
from diffchest.model.autoencoder import DiffusionAutoencoder, load_autoencoder, save_autoencoder

__all__ = ["DiffusionAutoencoder", "load_authors", "load_autoencoder", "save_autoencoder"]
