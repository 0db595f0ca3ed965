"""Any server that speaks OpenAI's chat completions: vLLM, Ollama, OpenRouter, Mistral, DeepSeek and many more."""

from typing import ClassVar

from echo.providers.openai import OpenAIDialect


class CustomDialect(OpenAIDialect):
    """As OpenAI was when others took its protocol over; what a model takes is the operator's to say."""

    max_tokens_name: ClassVar[str] = "max_tokens"
    knows_models: ClassVar[bool] = False
