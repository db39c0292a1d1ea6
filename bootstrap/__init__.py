"""Set-up of a checkout: the stack, the Python, the environment and the locks.

Runs on any Python from 3.9 with nothing but the standard library, because it runs before anything is installed.
`python -m bootstrap` is its command line; the Makefile calls it.
"""
