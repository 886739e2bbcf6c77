"""Masks: chosen from labels, brought onto the scan's grid, dilated, checked. True = repair."""
