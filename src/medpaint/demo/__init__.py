"""A small cohort of real scans, damaged so that the truth is known, restored and scored."""
