"""The project that a person stands in: its folder and settings, its code by name, what that code is, its wheels.

Nothing here imports the project's code, but for `dotted`, which is how every other room does it.
"""
