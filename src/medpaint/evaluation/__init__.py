"""Engines scored on holes made in clean scans."""
