"""Engines scored on holes in clean scans."""
