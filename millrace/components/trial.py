"""The mark of a trial on the blessing that it gave: no later model, and no later data, is compared with it."""

TRIAL_KEY = "trial"
"""A parameter of the Evaluator, and the custom property that it sets on the blessing."""
