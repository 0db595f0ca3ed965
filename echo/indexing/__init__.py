"""Files that are searched: split in the background, found by words or by embeddings, or by LibreChat's service."""
