"""Who needs to be allowed what: the least roles of each account, from what a compiled job does."""
