"""Products checked against their records."""
