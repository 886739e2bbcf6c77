"""All file formats, and everything that depends on them; nothing outside knows LPS from RAS."""
