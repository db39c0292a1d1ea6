"""The versions of a model: what they are, who decided what, and which one is served."""
