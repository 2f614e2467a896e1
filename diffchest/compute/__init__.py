"""Where and how things run: devices, processes, workers, work in parts, reading ahead."""
