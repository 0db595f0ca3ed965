"""The operations that only LibreChat's contract has: one module per resource, one function per operation."""
