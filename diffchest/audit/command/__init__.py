"""Auditing any classifier from the command line, on any radiographs: `python -m diffchest.audit`."""
