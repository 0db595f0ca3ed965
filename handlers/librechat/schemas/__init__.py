"""Marshmallow schemas of what only LibreChat's contract has."""
