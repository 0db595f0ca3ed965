"""LibreChat's tools `set_memory` and `delete_memory`: a model notes what the user wants remembered."""
