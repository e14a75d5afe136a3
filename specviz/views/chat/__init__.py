"""The chat: what is said, the calls behind it, and their plots and tables inline."""
