"""How fast: times, memory and throughput, each beside what one would write without this package."""
