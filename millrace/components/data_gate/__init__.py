"""DataGate: anomalies stop the run before anything is trained, and say what to do about it."""
