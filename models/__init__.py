"""The user's code: what a feature is, how it is preprocessed, the model, how it is trained, tuned and served."""
