"""Handlers of what only LibreChat's contract has, or has in another shape."""
