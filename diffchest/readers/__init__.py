"""The reader study: what readers see, their ratings, and how far they agree."""
