"""What administrators do to users, groups, roles, grants and the configuration."""
