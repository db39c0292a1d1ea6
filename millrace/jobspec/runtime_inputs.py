"""The names under which a compiled job passes its runtime parameters to its stages, which read them in a container."""

# They are no execution properties of TFX: `millrace.container.runtime_values` makes them into those.
SPAN = "runtime_span"
TRAINING_STEPS = "runtime_training_steps"
TRAINING_EPOCHS = "runtime_training_epochs"
THRESHOLDS = "runtime_thresholds"
QUERY = "runtime_query"
# A constant beside THRESHOLDS: the label and the evaluation section from which the EvalConfig was made.
EVALUATION = "evaluation_section"

NEWEST_SPAN = -1

# The option of our entry point that names a secret: --secret VARIABLE=projects/P/secrets/S/versions/V
SECRET = "--secret"
# The one that says which code the image must hold; see millrace.jobspec.expected_code.
CODE = "--code"
