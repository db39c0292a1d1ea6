"""A Pusher to a Vertex AI endpoint, with a customer-managed encryption key."""
