"""Training: pairs of damaged and intact scans, the loop, and the weights that result."""
