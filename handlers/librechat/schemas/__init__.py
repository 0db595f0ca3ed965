"""Documents as LibreChat's contract shows them, and its request bodies as fields of documents."""
