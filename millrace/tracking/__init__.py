"""What ran here, told to a tracking server that others look at. The client of one comes with an extra."""
