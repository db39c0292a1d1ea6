"""What may be served, and who decided so: versions, the aliases that name them, and every event since the first push."""
