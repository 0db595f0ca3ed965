"""Anthropic's messages under `/v1/messages`, answered by the models of every provider."""
