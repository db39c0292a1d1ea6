"""Compiled cloud jobs: the document that a compiler wrote, as a value, and the rules that are checked on it."""
