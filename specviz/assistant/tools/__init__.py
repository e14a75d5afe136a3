"""What the assistant can do: plain functions, their arguments described by JSON schemas made from their signatures."""
