"""Two runs beside each other: what was asked for, what they saw, what came of it, as plain values."""
