"""One builder a stage, in the order in which the data flows: data, training, verdicts, delivery."""
