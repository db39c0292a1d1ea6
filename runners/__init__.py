"""WHERE the graph runs: on this machine in order, on Beam, and in the cloud."""
