"""Telling people: what is wrong since when, who has heard of it, and the channels by which they hear."""
