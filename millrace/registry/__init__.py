"""What may be served, and who decided so: versions, the aliases that name them, and all events since the first push."""
