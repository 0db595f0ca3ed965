"""Backup codes as they are stored, for clients that show how many are left."""

from typing import Any

from handlers.schemas.base import Flag, Output, Text


class BackupCodeSchema(Output):
    """A stored backup code that was just made, so not used."""

    code_hash = Text(data_key="codeHash")
    used = Flag()

    def dump_one(self, document: Any) -> dict[str, Any]:
        """As the base class, but null is kept: LibreChat's client expects it."""
        return {**super().dump_one(document), "usedAt": None}


backup_code = BackupCodeSchema()
