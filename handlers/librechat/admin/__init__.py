"""What administrators do, for LibreChat's admin panel."""
