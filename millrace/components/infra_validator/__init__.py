"""InfraValidator: a model is loaded and queried in a real model server before it may be pushed."""
