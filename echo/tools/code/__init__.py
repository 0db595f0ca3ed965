"""Running code by LibreChat's code interpreter, a service of its own."""
