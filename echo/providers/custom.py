"""Any server that speaks OpenAI's chat completions: vLLM, Ollama, OpenRouter, Mistral, DeepSeek and many more."""

from typing import ClassVar

from echo.providers.openai import OpenAIDialect
from echo.providers.openai_messages import Manner


class CustomDialect(OpenAIDialect):
    """As OpenAI was when others took its protocol over; what a model takes is the operator's to say."""

    max_tokens_name: ClassVar[str] = "max_tokens"
    knows_models: ClassVar[bool] = False
    # Many templates of open models take an instruction at the beginning only, and know no refusals.
    manner: ClassVar[Manner] = Manner(instructs_anywhere=False, signs_calls=True, refuses=False)
