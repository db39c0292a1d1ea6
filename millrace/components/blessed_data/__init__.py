"""The statistics of the data that the latest blessed model was learned from, for DataGate to compare with."""
