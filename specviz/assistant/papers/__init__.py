"""Papers of the field that are known without a network: titles, identifiers and a line of our own on each."""
