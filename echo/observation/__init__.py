"""What an operator sees of a running Echo: logs, metrics, traces."""
