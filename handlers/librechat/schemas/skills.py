"""Skills as LibreChat's clients send and read them."""

from typing import Any, cast

from marshmallow import missing

from handlers.librechat.schemas.parameters import Given, Switch
from handlers.schemas.base import Flag, Identifier, Input, Moment, Output, Plain, Text, Texts, Whole


class Filled(Plain):
    """An object with something in it; anything else is left out."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(dict, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return super()._serialize(value, attr, obj, **kwargs) if value else missing


# What lists show of a skill, and of one alone beside its body.
TSkillSchema = Output.from_dict(
    {
        "_id": Identifier(),
        "name": Text(),
        "displayTitle": Text(),
        "description": Text(),
        "body": Text(),
        "frontmatter": Filled(),
        "category": Text(),
        "disableModelInvocation": Flag(dump_default=False),
        "userInvocable": Switch(dump_default=True),
        "allowedTools": Texts(),
        "author": Identifier(),
        "authorName": Text(),
        "version": Whole(),
        "source": Text(),
        "sourceMetadata": Filled(),
        "fileCount": Whole(dump_default=0),
        "alwaysApply": Flag(dump_default=False),
        "isPublic": Flag(),
        "createdAt": Moment(),
        "updatedAt": Moment(),
    },
    name="TSkillSchema",
)
TSkillFileSchema = Output.from_dict(
    {
        "_id": Identifier(),
        "skillId": Identifier(),
        "relativePath": Text(),
        "file_id": Text(),
        "filename": Text(),
        "filepath": Text(),
        "source": Text(),
        "sourceMetadata": Filled(),
        "mimeType": Text(),
        "bytes": Whole(),
        "category": Text(),
        "isExecutable": Flag(dump_default=False),
        "author": Identifier(),
        "createdAt": Moment(),
        "updatedAt": Moment(),
    },
    name="TSkillFileSchema",
)
# The same file as it is read.
TSkillFileContentSchema = Output.from_dict(
    {
        "relativePath": Text(),
        "filename": Text(),
        "mimeType": Text(),
        "bytes": Whole(),
        "isBinary": Flag(dump_default=False),
        "content": Text(),
    },
    name="TSkillFileContentSchema",
)
# A skill that came from a file, and what became of the files with it.
TImportedSkillSchema = Output.from_dict(
    {**TSkillSchema().fields, "_importSummary": Plain(dict)}, name="TImportedSkillSchema"
)
# What is to be kept of a skill, new or changed; null empties a field.
SavedSkillSchema = Input.from_dict(
    dict.fromkeys(
        ("name", "displayTitle", "description", "body", "frontmatter", "category", "alwaysApply"), Given()
    ),
    name="SavedSkillSchema",
)

skill = cast("Output", TSkillSchema())
skill_file = cast("Output", TSkillFileSchema())
skill_file_content = cast("Output", TSkillFileContentSchema())
imported_skill = cast("Output", TImportedSkillSchema())
saved_skill = SavedSkillSchema()
