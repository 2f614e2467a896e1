"""One radiograph, one command: `python -m diffchest.explain`."""
