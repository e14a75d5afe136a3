"""What a person means, without a language model: a grammar of English and Chinese."""
