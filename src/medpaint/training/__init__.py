"""Training: pairs of damaged and whole scans, the loop, the weights that come of it."""
