"""What the assistant says without a language model: sentences filled from the tools' answers, and from nothing else."""
