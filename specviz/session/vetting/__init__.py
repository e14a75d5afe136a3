"""Vetting: a person goes through a list of stars and labels them, and nothing that was said is ever lost."""
