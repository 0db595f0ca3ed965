"""The operations that only LibreChat's contract has, or that answer otherwise there."""
