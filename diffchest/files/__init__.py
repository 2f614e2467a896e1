"""Kinds of files: tables and metrics, tensors, wheels; and writing one whole or not at all."""
