"""LibreChat's tool `file_search`: a model looks something up in files."""
