"""Training: pairs of damaged and whole scans, the loop, and the weights that result."""
