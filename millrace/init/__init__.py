"""`millrace init`: looks at a table that nobody described, and writes the configuration and the schema it needs."""
