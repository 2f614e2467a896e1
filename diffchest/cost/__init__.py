"""What a run costs before it is started: `python -m diffchest.cost`."""
