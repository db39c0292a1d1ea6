"""The small models that a server is tried with."""

from saved_models import good_model, records, save_model

__all__ = ["good_model", "records", "save_model"]
