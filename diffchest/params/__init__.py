"""`params.yaml`, typed: a module per group of sections, and the whole with what must hold between sections."""
