"""LibreChat's built-in tools, by their names: a calculator, searches, weather, pictures."""
