"""Pictures from words, and from pictures with words, as programs know it from OpenAI."""

from typing import Any

from echo.files import Upload
from echo.handling.caller import Caller
from echo.handling.pending import Pending
from echo.programs.images import Drawing
from echo.services import Services
from handlers.schemas import images as schemas


def create_image(services: Services, caller: Caller, *, body: dict[str, Any]) -> Pending:
    """New pictures."""
    return services.programs.images.draw(caller, schemas.drawing.load(body))


def create_image_edit(
    services: Services,
    caller: Caller,
    *,
    image: list[Upload],
    model: str,
    prompt: str,
    mask: Upload | None = None,
    n: int | None = None,
    size: str | None = None,
    quality: str | None = None,
    background: str | None = None,
    input_fidelity: str | None = None,
    output_format: str | None = None,
    output_compression: int | None = None,
    response_format: str | None = None,
    stream: bool = False,
) -> Pending:
    """Pictures made from others."""
    parameters = {
        "n": n,
        "size": size,
        "quality": quality,
        "background": background,
        "input_fidelity": input_fidelity,
        "output_format": output_format,
        "output_compression": output_compression,
        "response_format": response_format,
    }
    return services.programs.images.draw(caller, Drawing(model, prompt, parameters, image, mask))
