"""Tables as files: which files a pattern names, how a file is opened, and what its header says."""
