"""`/v1/responses`: OpenAI's Responses API, over every provider."""
