"""Conversations in and out: other programs' exports read, LibreChat's export written. See docs/transfer.md."""
