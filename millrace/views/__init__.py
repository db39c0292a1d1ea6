"""What a person looks at, as plain values: a run's data beside its contract, the contract itself, a trained model.

Pages, reports and notebooks format these values; they open no store, and nothing here imports TensorFlow or TFX.
"""
