"""Sweeps: what one asks of every operation of a document, at any server that claims it."""
