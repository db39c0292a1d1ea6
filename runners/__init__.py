"""WHERE the graph runs: on this machine, one stage after another, or on Beam."""
