"""Models and catalogues by name from the Hugging Face hub, from a mirror of it, or from a local copy."""
