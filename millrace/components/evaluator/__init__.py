"""Evaluator: TFMA's metrics and thresholds behind TFX's own contract, with a gate report that says why or why not."""
