"""How the cost of a run grows with the columns of a table, beside stock TFX where it still can."""
