"""What findings are: their names and kinds, which radiographs are free of them, how they occur together."""
