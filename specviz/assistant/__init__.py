"""Ask about a star in words: tools with typed arguments, and what chooses them. Every number comes from a tool."""
