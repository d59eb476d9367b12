"""A trained encoder without torch: ONNX graphs, prior, generation."""
