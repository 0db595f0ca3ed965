"""Pictures in OpenAI's shape, whoever draws them."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from echo.completions.objects import Json
from echo.errors import FieldError, Unprocessable, UnsupportedMediaType
from echo.files.kinds import IMAGE_TYPES, find_type
from echo.handling.caller import Caller
from echo.handling.pending import Pending
from echo.handling.stream_body import JsonItems
from echo.handling.upload import Upload
from echo.programs.offers import Picked
from echo.programs.work import Job, Work
from echo.providers.forms import FormFile
from echo.providers.google_images import images_errand
from echo.providers.images import ImageRequest, Pictures

# Up to here an answer is sent as a whole.
SMALL_BYTES = 256 * 1024


@dataclass(frozen=True)
class Drawing:
    """What is to be drawn, from which pictures if from any; `parameters` are OpenAI's."""

    model: str
    prompt: str = field(repr=False)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    images: Sequence[Upload] = ()
    mask: Upload | None = None


class ImageService:
    """What the operations under `/v1/images` do."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def draw(self, caller: Caller, drawing: Drawing) -> Pending:
        """The pictures. Raises `Unprocessable` where what they are to be made from is none."""
        files = list(files_of(drawing))
        job = self._work.job(caller, drawing.model, [drawing.prompt])

        async def make() -> tuple[Json | JsonItems, int, Json]:
            made = await self._work.whole(job, lambda picked: self._draw(job, picked, drawing, files))
            return answer(made), 200, job.spending.headers

        return Pending(make)

    async def _draw(self, job: Job, picked: Picked, drawing: Drawing, files: Sequence[FormFile]) -> Pictures:
        made = await drawn(picked, drawing, files)
        if usage := made.more.get("usage"):
            job.spending.told(usage["input_tokens"], usage["output_tokens"])
        return made


async def drawn(picked: Picked, drawing: Drawing, files: Sequence[FormFile]) -> Pictures:
    """What the endpoint's provider drew."""
    request = ImageRequest(picked.wanted, drawing.prompt, drawing.parameters, files)
    # In a thread: what is drawn from may be read for it.
    return await picked.ask(await asyncio.to_thread(images_errand, picked.settings, request))


def files_of(drawing: Drawing) -> Iterator[FormFile]:
    """The pictures as a provider gets them: under names of ours, with the types that they have."""
    # Of several each is one of a list; the older models know no list.
    name = "image[]" if len(drawing.images) > 1 else "image"
    for number, upload in enumerate(drawing.images, 1):
        yield picture(name, f"image-{number}", upload)
    if drawing.mask is not None:
        yield picture("mask", "mask", drawing.mask)


def picture(name: str, called: str, upload: Upload) -> FormFile:
    """One picture. Raises `Unprocessable` (`unsupported_content`) for what is none."""
    try:
        found = find_type(upload.stream, "")
    except UnsupportedMediaType:
        found = ""
    if found not in IMAGE_TYPES:
        reason = "is no picture of a type that is accepted"
        errors = (FieldError(name.removesuffix("[]"), reason),)
        raise Unprocessable(f"{errors[0].field} {reason}.", code="unsupported_content", errors=errors)
    filename = f"{called}.{found.partition('/')[2]}"
    return FormFile(name, filename, found, upload.stream, upload.size)


def answer(pictures: Pictures) -> Json | JsonItems:
    """OpenAI's object; a large one is made while it is sent."""
    held = sum(len(each.get("b64_json", "")) for each in pictures.items)
    if held <= SMALL_BYTES:
        return {**pictures.more, "data": list(pictures.items)}
    return JsonItems(([each] for each in pictures.items), held, "data", pictures.more)
