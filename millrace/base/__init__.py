"""The ground floor: errors, whole files, nearest names, processors, the day, and numbers, ends and tables in words.

It imports nothing of the library.
"""
