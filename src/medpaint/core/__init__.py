"""What everything else is made of: volumes, geometry, encodings, errors."""
