"""Why a model predicts what it predicts: parts of columns, rows that are alike, and what would be if."""
