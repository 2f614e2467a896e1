"""The HTML report, the metrics of all stages in one file, and the check that a report reproduces."""
