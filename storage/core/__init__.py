"""What every repository stands on: the connection, errors, pages, search, the translation of the driver's errors."""
