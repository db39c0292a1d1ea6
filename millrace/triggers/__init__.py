"""Training that starts by itself: what starts a run, what holds it back, and what was started."""
