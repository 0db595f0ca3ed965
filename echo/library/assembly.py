"""How the parts of the library fit together; called by the composition root."""

from collections.abc import Callable
from dataclasses import dataclass

from echo.access import Access
from echo.agents.service import Agents
from echo.credits import Credits
from echo.files import FileStore, build_file_store
from echo.indexing.assembly import Indexing, build_indexing
from echo.library.memories import Memories
from echo.library.pictures import Pictures
from echo.library.prompts import Prompts
from echo.library.skill_files import SkillFiles
from echo.library.skills import Skills
from echo.library.uploads import FILE_SEARCH, ForgetCode, PlaceCode, Uploads
from echo.providers.registry import ProviderRegistry
from echo.settings import Settings
from echo.settings.overrides import SettingsOf
from storage.accounts.users import UserRepository
from storage.core.database import Database
from storage.library.assistants import AssistantRepository
from storage.library.banners import BannerRepository
from storage.library.files import FileRepository
from storage.library.memories import MemoryRepository
from storage.library.presets import PresetRepository
from storage.library.prompt_groups import PromptGroupRepository
from storage.library.prompts import PromptRepository
from storage.library.skills import SkillFileRepository, SkillRepository


@dataclass(frozen=True)
class Library:
    """What users keep: `files` are their records, and `file_store` holds the bytes."""

    assistants: AssistantRepository
    banners: BannerRepository
    file_store: FileStore
    files: FileRepository
    indexing: Indexing
    memories: Memories
    pictures: Pictures
    presets: PresetRepository
    prompts: Prompts
    skill_files: SkillFiles
    skills: Skills
    uploads: Uploads


def build_library(
    settings: Settings,
    database: Database,
    access: Access,
    agents: Agents,
    count_tokens: Callable[[str], int],
    *,
    endpoints: ProviderRegistry,
    ledger: Credits,
    live: SettingsOf,
    place_code: PlaceCode | None = None,
    forget_code: ForgetCode | None = None,
) -> Library:
    """The parts behind the operations; nothing is contacted."""
    users, files = UserRepository(database), FileRepository(database)
    file_store = build_file_store(settings)
    indexing = build_indexing(
        settings, database, file_store, endpoints, ledger=ledger, count_tokens=count_tokens
    )
    stored_skills, skill_files = SkillRepository(database), SkillFileRepository(database)
    skills = Skills(access, stored_skills, skill_files, users, file_store)
    return Library(
        assistants=AssistantRepository(database),
        banners=BannerRepository(database),
        file_store=file_store,
        files=files,
        indexing=indexing,
        memories=Memories(access, MemoryRepository(database), users, count_tokens, settings.memory),
        pictures=Pictures(file_store, users, agents, max_pixels=settings.max_image_pixels),
        presets=PresetRepository(database),
        prompts=Prompts(access, PromptGroupRepository(database), PromptRepository(database), users),
        skill_files=SkillFiles(skills, stored_skills, skill_files, file_store),
        skills=skills,
        uploads=Uploads(
            file_store,
            files,
            agents,
            indexing,
            can_search=settings.agents.can(FILE_SEARCH),
            live=live,
            place_code=place_code,
            forget_code=forget_code,
        ),
    )
