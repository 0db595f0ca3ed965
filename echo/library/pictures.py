"""Pictures that pages show: those of messages, and those that stand for users and agents."""

import re
import time
from typing import Any

from echo.agents.service import Agents
from echo.errors import NotFound, PayloadTooLarge
from echo.files import FileStore
from echo.files.cloud.keys import shown_picture
from echo.files.images import square
from echo.files.store import IMAGES, Kept
from echo.handling.caller import Caller
from echo.handling.file_body import FileBody
from echo.handling.upload import Upload
from echo.settings.cloud import S3
from storage.accounts.users import UserRepository
from storage.core.errors import NotFound as NotStored

Document = dict[str, Any]
# LibreChat's limit for what is sent, and what a client shows at most, twice for fine screens.
MAX_AVATAR_BYTES = 2 * 1024 * 1024
AVATAR_SIDE = 512
# What is shown as a picture, by the endings that LibreChat and Echo give. Nothing that can be run is among them.
TYPES = {
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
}
_AGENT_AVATAR = re.compile(r"agent-(?P<agent>agent_[A-Za-z0-9_-]{1,100})-avatar-\d{1,20}\.[a-z]{3,4}")


class Pictures:
    """Who may see which picture, and new ones of users and agents.

    A user sees all of their own. What a user has now as a picture of themselves everybody sees who has logged in, as
    with their name; what an agent has, everybody who may see the agent. Of everything else there is nothing.
    """

    def __init__(self, store: FileStore, users: UserRepository, agents: Agents, *, max_pixels: int) -> None:
        self._store = store
        self._users = users
        self._agents = agents
        self._max_pixels = max_pixels

    def find(self, caller: Caller, owner: str, name: str) -> FileBody:
        """A picture that lies in the directory of a user. Raises `NotFound`, also where the caller may not see it."""
        media_type = TYPES.get(name.rpartition(".")[2].lower())
        if media_type is None or not (owner == caller.id or self._is_shown(caller, owner, name)):
            raise NotFound
        return FileBody(self._store.find_picture(owner, name), media_type, name, inline=True)

    def draw_avatar(self, caller: Caller, upload: Upload, *, chosen: bool) -> str:
        """Keep a picture of the caller; its address. `chosen` says that the caller has it from now on.

        Earlier ones go. Raises `UnsupportedMediaType` and `PayloadTooLarge`.
        """
        name = f"avatar-{_milliseconds()}.png"
        kept = self._draw(caller, upload, name)
        # LibreChat's form: by it its server knows that the user chose it, and that no other login may replace it.
        # In S3 it reads a key in the address, which ends there.
        said = "" if kept.source == S3 else f"?manual={'true' if chosen else 'false'}"
        address = f"/{IMAGES}/{caller.id}/{name}{said}"
        if chosen:
            self._users.set_avatar(caller.id, kept.filepath + said)
            self._store.remove_pictures(caller.id, "avatar-*.png", but=name)
        return address

    def draw_agent(self, caller: Caller, agent_id: str, upload: Upload) -> Document:
        """Give an agent a picture; the agent. Raises `NotFound`, `Forbidden`, and as `draw_avatar` does."""
        self._agents.check_change(caller, agent_id)
        name = f"agent-{agent_id}-avatar-{_milliseconds()}.png"
        kept = self._draw(caller, upload, name)
        avatar = {"filepath": kept.filepath, "source": kept.source}
        agent = self._agents.update(caller, agent_id, {"avatar": avatar})
        self._store.remove_pictures(caller.id, f"agent-{agent_id}-avatar-*.png", but=name)
        return agent

    def _draw(self, caller: Caller, upload: Upload, name: str) -> Kept:
        if upload.size > MAX_AVATAR_BYTES:
            raise PayloadTooLarge(f"The picture may have at most {MAX_AVATAR_BYTES} bytes.")
        drawn = square(upload.stream, side=AVATAR_SIDE, max_pixels=self._max_pixels)
        return self._store.keep_picture(caller.id, name, drawn)

    def _is_shown(self, caller: Caller, owner: str, name: str) -> bool:
        address = f"/{IMAGES}/{owner}/{name}"
        if found := _AGENT_AVATAR.fullmatch(name):
            return _shown(self._agents.avatar(caller, found["agent"])) == address
        # Any name: LibreChat names what comes from a login by the login.
        return self._avatar_of(owner) == address

    def _avatar_of(self, owner: str) -> str:
        try:
            return _shown(self._users.get(owner).get("avatar"))
        except NotStored:
            return ""


def _shown(stored: object) -> str:
    return shown_picture(stored) or str(stored).partition("?")[0]


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
