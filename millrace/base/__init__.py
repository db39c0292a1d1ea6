"""The ground floor: errors, whole files, nearest names, numbers in words. It imports nothing of the library."""
