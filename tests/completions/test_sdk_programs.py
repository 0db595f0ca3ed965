"""OpenAI's own client asks for more than completions: one model, embeddings, audio, images."""

import base64

import openai
import pytest

from tests.completions.conftest import User
from tests.files import samples
from tests.support import sound

WAV = sound.silence(0.1)
PNG = samples.picture("PNG", (1, 1))
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


class TestAudio:
    def test_speech_is_streamed(self, ada: User) -> None:
        with ada.openai.audio.speech.with_streaming_response.create(
            model="openAI/tts-1", voice="alloy", input="Hello", response_format="mp3"
        ) as answer:
            assert answer.headers["content-type"] == "audio/mpeg"
            assert b"".join(answer.iter_bytes()).endswith(b"Hello")

    def test_a_recording_is_written_down(self, ada: User) -> None:
        made = ada.openai.audio.transcriptions.create(model="openAI/whisper-1", file=("a.wav", WAV))
        assert made.text == f"transcriptions audio.wav {len(WAV)}"

    def test_as_it_is_understood(self, ada: User) -> None:
        with ada.openai.audio.transcriptions.create(
            model="openAI/gpt-4o-transcribe", file=("a.wav", WAV), stream=True
        ) as stream:
            *deltas, done = stream
        said = f"transcriptions audio.wav {len(WAV)}"
        assert "".join(each.delta for each in deltas) == done.text == said  # type: ignore[union-attr]
        assert len(deltas) == 3
        assert done.usage.output_tokens == 45  # type: ignore[union-attr]

    def test_of_a_model_that_has_no_stream(self, ada: User) -> None:
        """OpenAI passes over `stream` for it, and answers in one piece."""
        with ada.openai.audio.transcriptions.create(
            model="openAI/whisper-1", file=("a.wav", WAV), stream=True
        ) as stream:
            [done] = stream
        assert done.text == f"transcriptions audio.wav {len(WAV)}"  # type: ignore[union-attr]

    def test_with_times(self, ada: User) -> None:
        made = ada.openai.audio.transcriptions.create(
            model="openAI/whisper-1",
            file=("a.wav", WAV),
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
        assert (made.duration, made.words and made.words[0].word) == (1.5, "one")

    def test_as_subtitles(self, ada: User) -> None:
        made = ada.openai.audio.transcriptions.create(
            model="openAI/whisper-1", file=("a.wav", WAV), response_format="srt"
        )
        assert made == f"srt: transcriptions audio.wav {len(WAV)}\n"

    def test_a_recording_is_translated(self, ada: User) -> None:
        # The client warns of its own method.
        with pytest.warns(DeprecationWarning, match="deprecated"):
            made = ada.openai.audio.translations.create(model="openAI/whisper-1", file=("a.wav", WAV))
        assert made.text == f"translations audio.wav {len(WAV)}"


class TestImages:
    def test_are_drawn(self, ada: User) -> None:
        made = ada.openai.images.generate(model="openAI/gpt-image-1", prompt="A circle", n=2)
        assert made.data
        assert [each.b64_json for each in made.data] == [base64.b64encode(b"A circle").decode()] * 2
        assert made.usage
        assert made.usage.total_tokens == 7

    def test_are_drawn_from_others(self, ada: User) -> None:
        files = [("a.png", PNG), ("b.png", PNG)]
        made = ada.openai.images.edit(model="openAI/gpt-image-1", image=files, prompt="A circle")
        assert made.data
        assert made.data[0].b64_json
