"""How products are laid out on the disk."""
