"""The statistics of the span before, for DataGate to compare with."""
