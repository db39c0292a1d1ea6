"""Packs the pushed model into one file with its checksum."""
