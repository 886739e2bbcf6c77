"""Clean scans for evaluation and training, the persons that they belong to, and lesion shapes."""
