"""What of the documentation site is written by the code: the configuration's keys, the command line, the flow."""
