"""What is in a document, where ids and times are new each time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bson import ObjectId


def kinds(value: Any) -> Any:
    """The same with `ObjectId` in the place of each id and `datetime` in the place of each time."""
    if isinstance(value, Mapping):
        return {name: kinds(each) for name, each in value.items()}
    if isinstance(value, list):
        return [kinds(each) for each in value]
    return next((kind for kind in (ObjectId, datetime) if isinstance(value, kind)), value)
