"""Models as ONNX graphs: written once with torch, run without it."""
