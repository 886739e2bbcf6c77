"""Known voxels that are hidden from the engines, to see how well each of them fills this scan."""
