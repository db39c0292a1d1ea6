"""HOW a person starts Millrace: one module a command, which parses and calls one function, in a room per subject."""
