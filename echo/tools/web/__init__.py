"""Searching the web: LibreChat's `web_search`, with sources that answers cite."""
