"""How the parts of the library fit together; called by the composition root."""

from dataclasses import dataclass

from echo.files import FileStore, build_file_store
from echo.settings import Settings
from storage.core.database import Database
from storage.library.assistants import AssistantRepository
from storage.library.banners import BannerRepository
from storage.library.files import FileRepository
from storage.library.presets import PresetRepository


@dataclass(frozen=True)
class Library:
    """What users keep: `files` are their records, and `file_store` holds the bytes."""

    assistants: AssistantRepository
    banners: BannerRepository
    file_store: FileStore
    files: FileRepository
    presets: PresetRepository


def build_library(settings: Settings, database: Database) -> Library:
    """The parts behind the operations; nothing is contacted."""
    return Library(
        assistants=AssistantRepository(database),
        banners=BannerRepository(database),
        file_store=build_file_store(settings),
        files=FileRepository(database),
        presets=PresetRepository(database),
    )
