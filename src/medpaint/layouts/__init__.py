"""How a data set lies on the disk."""
