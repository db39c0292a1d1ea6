"""How well the default model learns, beside the defaults that a person would try instead."""
