"""Clean scans for evaluation and training, whose they are, and lesion shapes."""
