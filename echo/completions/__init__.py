"""`/v1`: Echo as programs know OpenAI."""
