"""What stages hand each other: the content of every file that one stage writes and another reads."""
