"""What one server, one user and one process may take up: sizes in bytes, times in seconds."""

# Of one message of a server. A picture of LibreChat's 10 MiB is in it, in base64.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
# Of what a model is given of one answer as text, before the loop's own limit.
MAX_TEXT = 400_000
MAX_PICTURE_BYTES = 10 * 1024 * 1024
MAX_PARTS = 100
# Of a list of tools: LibreChat's pages and tools, and its time.
MAX_PAGES, MAX_TOOLS, MAX_LIST_BYTES, LIST_SECONDS = 50, 1000, 5 * 1024 * 1024, 30.0
# Of one tool.
MAX_TOOL_NAME, MAX_DESCRIPTION, MAX_SCHEMA_BYTES, MAX_SCHEMA_DEPTH = 128, 4096, 64 * 1024, 40
MAX_INSTRUCTIONS = 16_000
# How long a list of tools is good where the server does not say that it has changed.
LIST_AGE = 300.0
# Connections of one process, of one user in it, and processes that are servers.
MAX_CONNECTIONS, MAX_OF_USER, MAX_PROCESSES = 500, 20, 50
# A user's connection that nobody uses (LibreChat: 15 minutes); one of one message's; and how often that is looked at.
IDLE_SECONDS, MESSAGE_IDLE_SECONDS, SWEEP_SECONDS = 900.0, 60.0, 15.0
# After a connection has failed: the first pause and the longest, each twice as long as the one before.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
# How long a user has for logging in (LibreChat's `MCP_OAUTH_HANDLING_TIMEOUT`).
LOGIN_SECONDS = 600.0
# Servers that one user may have of their own; and values that one user may keep.
MAX_OWN_SERVERS = 50
