"""Compressed frames: what their own headers say, and decoding that cannot harm this process."""
