"""From an image file to a small gray square in the store."""
