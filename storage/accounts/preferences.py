"""What users have chosen for themselves, in their documents of `users`."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pymongo import ReturnDocument

from storage.core.database import Document
from storage.core.repository import Repository, found, now, owner_id
from storage.core.translation import translated

MAX_PLUGINS = 100


class PreferenceRepository(Repository):
    """Terms, favourites and orders of a user; each change answers the user as it is then, or raises `NotFound`."""

    collection_name: ClassVar[str] = "users"

    def accept_terms(self, owner: str) -> Document:
        """The user has accepted the terms: now, or at the time of the first acceptance."""
        moment = now()
        accepted = {"$cond": ["$termsAccepted", {"$ifNull": ["$termsAcceptedAt", moment]}, moment]}
        return self._change(
            owner, [{"$set": {"termsAcceptedAt": accepted, "termsAccepted": True, "updatedAt": moment}}]
        )

    def put_favorites(self, owner: str, favorites: Sequence[Mapping[str, str]]) -> Document:
        """Replace the favourites: entries with `agentId`, with `model` and `endpoint`, or with `spec`."""
        names = ("agentId", "model", "endpoint", "spec")
        entries = [{name: each[name] for name in names if name in each} for each in favorites]
        return self._set(owner, {"favorites": entries})

    def put_pinned_order(self, owner: str, conversation_ids: Sequence[str]) -> Document:
        """Replace the order of pinned conversations."""
        return self._set(owner, {"pinnedOrder": list(conversation_ids)})

    def mark_plugin(self, owner: str, plugin: str, *, installed: bool) -> Document:
        """Put a plugin into LibreChat's list of those that the user has, or take it out; the latest hundred stay."""
        others = {
            "$filter": {
                "input": {"$cond": [{"$isArray": "$plugins"}, "$plugins", []]},
                "cond": {"$ne": ["$$this", {"$literal": plugin}]},
            }
        }
        mark = [{"$literal": plugin}] if installed else []
        kept = {"$slice": [{"$concatArrays": [others, mark]}, -MAX_PLUGINS]}
        return self._change(owner, [{"$set": {"plugins": kept, "updatedAt": now()}}])

    def _set(self, owner: str, fields: Document) -> Document:
        return self._change(owner, {"$set": {**fields, "updatedAt": now()}})

    def _change(self, owner: str, update: Any) -> Document:
        with translated():
            return found(
                self._collection.find_one_and_update(
                    {"_id": owner_id(owner)}, update, return_document=ReturnDocument.AFTER
                )
            )
