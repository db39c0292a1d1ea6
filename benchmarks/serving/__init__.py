"""The model server under load, beside a bare loop of session runs of the same SavedModel."""
