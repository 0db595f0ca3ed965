"""Tools of MCP servers (https://modelcontextprotocol.io), by the official SDK.

The SDK takes more than a second to import. So it is imported where a connection is made (`dialling`, `logins`), and a
server without MCP servers never does.
"""
