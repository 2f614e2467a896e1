"""Measurements behind docs/results: run one as `python -m benchmarks.<folder>.<name>`."""
