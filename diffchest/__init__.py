"""DiffChest: find out what a chest-radiograph classifier really looks at."""

import os

# How often an OpenMP thread looks for the others' arrival before it sleeps; libgomp reads it when PyTorch is loaded,
# which comes later. Its own choice, 300,000 times, is little faster on an idle machine and several times slower beside
# another busy program, where the others wait for one that has no core (docs/results/speed.md).
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
