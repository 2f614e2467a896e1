"""Phantom radiographs: drawn from real labels, in each dataset's native layout."""
