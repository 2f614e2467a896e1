"""What the figures and the report read, made up: a module per kind."""
