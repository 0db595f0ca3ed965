"""The `banners` collection: what the operator tells everybody. LibreChat's own scripts write it."""

from typing import ClassVar

from pymongo import DESCENDING

from storage.core.database import Document
from storage.core.repository import Repository, now
from storage.core.translation import translated


class BannerRepository(Repository):
    """Banners belong to nobody; there are a handful of them."""

    collection_name: ClassVar[str] = "banners"

    def current(self, *, public_only: bool) -> Document | None:
        """The newest banner of this moment, None if there is none; without a login only a public one."""
        moment = now()
        query: Document = {
            "type": "banner",
            "displayFrom": {"$lte": moment},
            "$or": [{"displayTo": {"$gte": moment}}, {"displayTo": None}],
        }
        if public_only:
            query["isPublic"] = True
        with translated():
            return self._collection.find_one(query, sort=[("displayFrom", DESCENDING), ("_id", DESCENDING)])
