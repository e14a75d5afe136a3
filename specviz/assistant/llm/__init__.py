"""With a language model: any OpenAI-compatible endpoint, which chooses tools and words but no numbers."""
