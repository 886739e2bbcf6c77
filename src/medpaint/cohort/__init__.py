"""A cohort: its configuration, its table, its jobs and its summary."""
