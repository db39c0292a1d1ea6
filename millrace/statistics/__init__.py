"""The one reader of TFDV's statistics: what they say about a split and its columns, as plain values."""
