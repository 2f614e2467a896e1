"""One module per dataset: which radiographs to draw, and its native tables, folders and names."""
