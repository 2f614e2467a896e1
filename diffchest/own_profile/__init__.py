"""A profile for radiographs of one's own, written from their table."""
