"""What a feature is: its description, the formats of dates, and the names of columns after Transform."""
