"""HOW a person starts Millrace: one module a command, each of which parses and calls one function."""
