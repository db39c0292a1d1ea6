"""BigQuery: rows of a query, and files that are loaded into a table; by REST, as Vertex AI."""
