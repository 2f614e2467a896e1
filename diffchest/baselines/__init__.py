"""Models that DiffChest is compared with."""
