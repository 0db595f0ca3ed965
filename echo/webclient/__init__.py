"""LibreChat's web client: installed into the data directory, and served from there or from any other.

What serves (`client`) and what installs (`install`) are imported where they are needed: each brings libraries.
"""
