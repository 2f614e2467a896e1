"""Radiographs moved towards a finding: the moves, the pictures, and how good they are."""
