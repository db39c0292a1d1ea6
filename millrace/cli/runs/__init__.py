"""What ran: list, show, compare, repeat and clean up, ask where something comes from."""
