"""What the tables of the reader study tell those who show them."""

SIMULATED = "simulated "  # the names of readers who are none begin so, in every table that their ratings reach
