"""The panels of the systems, one a file; each is built when it is first opened."""
