"""DiffChest: find out what a chest-radiograph classifier really looks at."""
