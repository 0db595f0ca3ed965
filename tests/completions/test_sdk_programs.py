"""OpenAI's own client asks for more than completions: one model, embeddings, audio, images."""

import openai
import pytest

from tests.completions.conftest import User

EMBEDS = "openAI/text-embedding-3-small"


class TestModel:
    @pytest.mark.parametrize("name", ["openAI/gpt-4o", "openAI/shared/model", EMBEDS])
    def test_is_found_by_its_name(self, ada: User, name: str) -> None:
        model = ada.openai.models.retrieve(name)
        assert (model.id, model.object, model.owned_by) == (name, "model", "openAI")

    def test_that_is_none(self, ada: User) -> None:
        with pytest.raises(openai.NotFoundError) as refused:
            ada.openai.models.retrieve("openAI/gpt-99")
        assert refused.value.code == "model_not_found"


class TestEmbeddings:
    def test_are_numbers(self, ada: User) -> None:
        """The client asks for base64 and makes numbers of it."""
        made = ada.openai.embeddings.create(model=EMBEDS, input=["Hi", "Four"], dimensions=4)
        assert [each.embedding for each in made.data] == [[0.5, -0.5, -0.5, -0.5], [1.0, -0.5, -0.5, -0.5]]
        assert (made.model, made.usage.total_tokens) == (EMBEDS, 8)

    def test_of_one_text_as_plain_numbers(self, ada: User) -> None:
        made = ada.openai.embeddings.create(model=EMBEDS, input="Hi", encoding_format="float")
        assert made.data[0].embedding == [0.5, -0.5, -0.5]

    def test_are_none_at_anthropic(self, ada: User) -> None:
        with pytest.raises(openai.UnprocessableEntityError, match="no embeddings") as refused:
            ada.openai.embeddings.create(model="anthropic/claude", input="Hi")
        assert refused.value.code == "not_offered"
