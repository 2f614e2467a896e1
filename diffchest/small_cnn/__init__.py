"""A small classifier trained end to end on the image store, as an ONNX file: one that is not ours, to be audited."""
