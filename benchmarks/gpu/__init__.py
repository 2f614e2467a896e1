"""What only a GPU can tell, in one command of less than ten minutes."""
