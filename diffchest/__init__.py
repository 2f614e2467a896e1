"""DiffChest: find out what a chest-radiograph classifier really looks at."""

__version__ = "0.1.0"
