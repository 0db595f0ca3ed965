"""How the parts behind what programs ask fit together; called by the composition root."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from echo.accounts.metering import Meter
from echo.accounts.standing import Standing
from echo.completions.answering import Answering
from echo.completions.models import Models
from echo.completions.under_way import OpenCompletions
from echo.handling.caller import Caller
from echo.handling.pending import Pending
from echo.programs.anthropic.service import MessageService
from echo.programs.audio import AudioService
from echo.programs.embeddings import EmbeddingService
from echo.programs.images import ImageService
from echo.programs.offers import Offers, Picked
from echo.programs.work import Work
from echo.providers.assembly import ProviderParts
from echo.providers.errands import Endpoint
from echo.providers.operations import Wanted
from echo.settings import Settings
from echo.speech import Transcriber


@dataclass(frozen=True)
class ProgramParts:
    """What these operations share with the rest."""

    models: Models
    standing: Standing
    under_way: OpenCompletions
    meter: Meter
    providers: ProviderParts
    transcriber: Transcriber
    count_tokens: Callable[[str], int]
    answering: Answering


@dataclass(frozen=True)
class Programs:
    """What handlers get."""

    work: Work
    audio: AudioService
    embeddings: EmbeddingService
    images: ImageService
    messages: MessageService

    def model(self, caller: Caller, name: str) -> Pending:
        """One model that the caller reaches, in OpenAI's shape."""
        reach = self.work.reach_of(caller)
        return Pending(lambda: self.work.offers.find(reach, name))


def own_voice(settings: Settings, voices: Mapping[str, Endpoint]) -> Picked | None:
    """The model of the service that `speech.tts` names."""
    voice = settings.voice
    if voice is None:
        return None
    return Picked(voices[voice.name], voice, Wanted(voice.models[0]), None)


def build_programs(settings: Settings, parts: ProgramParts) -> Programs:
    """The services behind the operations of `/v1` beside completions; nothing is contacted."""
    offers = Offers(parts.providers.registry, settings.api_models)
    work = Work(
        parts.models,
        offers,
        parts.standing,
        parts.under_way,
        moderation=parts.providers.moderation,
        meter=parts.meter,
    )
    return Programs(
        work,
        AudioService(work, parts.transcriber, own_voice(settings, parts.providers.voices), settings.voices),
        EmbeddingService(work, parts.count_tokens),
        ImageService(work),
        MessageService(parts.answering, work, parts.count_tokens),
    )
