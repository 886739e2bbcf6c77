"""Restore corrupted or lesioned regions of medical volumes, with a record that lets anyone check them."""
