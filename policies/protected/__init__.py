"""Texts that must not be spoken at length: a registry of their hashed word sequences, and the search in it."""
