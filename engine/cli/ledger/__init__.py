"""To be written: what this room keeps."""
