"""What ran: ML Metadata's records, and the folder, journal and log of each run."""
