"""The basis of everything else: volumes, geometry, encodings, errors."""
