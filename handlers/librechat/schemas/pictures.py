"""Pictures of users and agents."""

from typing import Any

from echo.files.cloud.keys import shown_picture
from handlers.schemas.base import Text


class Picture(Text):
    """The address of a picture; of one in a service the address here, which does not run out."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return shown_picture(value) or super()._serialize(value, attr, obj, **kwargs)
