"""How running code is put together; called by the composition root."""

from echo.access.service import Access
from echo.files import FileStore
from echo.settings import Settings
from echo.tools.builtin.shelf import PictureShelf
from echo.tools.code.source import CodeRunner
from echo.tools.outbound import Outbound
from storage.core.database import Database
from storage.library.files import FileRepository


def build_code(settings: Settings, database: Database, access: Access, store: FileStore) -> CodeRunner:
    """The source of running code; nothing is contacted."""
    return CodeRunner(
        settings.tools.code,
        settings.agents,
        may=access.check_remembered,
        outbound=Outbound(),
        shelf=PictureShelf(store, FileRepository(database)),
    )
