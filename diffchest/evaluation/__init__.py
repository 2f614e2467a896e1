"""How well classifiers do on the test set, and how they compare."""
