"""Import of the authors' checkpoints; `python -m diffchest.model.authors` converts them to our files."""
