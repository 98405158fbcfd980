"""Is the reader honest? Equivalence under renaming and rendering, controls, dials, sensitivity."""
