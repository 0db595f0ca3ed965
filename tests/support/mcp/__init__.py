"""MCP servers of the tests' own, made with the SDK's server."""
