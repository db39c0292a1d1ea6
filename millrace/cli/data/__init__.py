"""What a person asks of data and contract: begin from a table, look at the schema, change it."""
