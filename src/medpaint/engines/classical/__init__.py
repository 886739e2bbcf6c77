"""Engines that need no training: interpolation and partial differential equations."""
