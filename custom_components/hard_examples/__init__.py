"""The eval rows on which a model is most wrong, for a person to look at."""
