"""The project's own rules, over its syntax trees and its document. Each finding is one line for people."""

import ast
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

DOCUMENTS = ("openapi.json", "openapi.librechat.json")
# What each layer may import besides the standard library and itself; `echo` reaches handlers by the contract only.
FORBIDDEN_IMPORTS: Mapping[str, tuple[str, ...]] = {
    "storage": ("echo", "handlers", "flask", "connexion", "marshmallow", "starlette", "tests"),
    "handlers": (
        "aiohttp",
        "bson",
        "connexion",
        "flask",
        "limits",
        "pymongo",
        "requests",
        "starlette",
        "tests",
    ),
    "echo": ("handlers", "pymongo", "bson", "tests"),
}
# Handlers meet storage only through the services; its errors are the one thing that they may name.
HANDLERS_STORAGE = ("storage.core.errors",)
# What spans all users is for the operator, who has a shell on the server: never for what answers requests.
OPERATORS_ONLY = (
    "storage.operator.administration",
    "storage.operator.agent_directory",
    "storage.operator.moving_files",
    "storage.operator.moving_pictures",
    "storage.operator.statistics",
)
OPERATORS = "echo/cli/"
# The login must find a user before there is an owner, and a registration makes the owner. An invitation is for one
# who is no user yet: it is found by its address and its token together. An API key tells who it is.
WITHOUT_OWNER = {
    ("InvitationRepository", "find"),
    ("InvitationRepository", "use_up"),
    ("ApiKeyRepository", "find_by_hash"),
    # Who comes in by another server is found by that server's id, or is only made.
    ("FederatedUserRepository", "find"),
    ("FederatedUserRepository", "create"),
    # A login that has begun is nobody's yet.
    ("LoginStateRepository", "add"),
    ("LoginStateRepository", "take"),
    # One process asks at one time about all who are there; each is a pair of owner and session.
    ("SessionRepository", "active"),
    # The thread that keeps the indexes of searches true; each row names its own owner.
    ("SearchStateRepository", "stale"),
    # One process writes down at one time what the runs of all its users say; each row names its own owner.
    ("ChatRepository", "save_all"),
    ("PieceRepository", "append_all"),
    ("PieceRepository", "delete_all"),
    ("PieceRepository", "read_all"),
    ("RunRepository", "end_all"),
    ("RunRepository", "abort_requests"),
    ("RunRepository", "states"),
    ("ResponseRepository", "under_way"),
    # The operator's, for everybody.
    ("BannerRepository", "current"),
    # What is to be sent is the server's: mails go to addresses, which may be nobody's.
    ("MailRepository", "put"),
    ("MailRepository", "take"),
    ("MailRepository", "done"),
    ("MailRepository", "postpone"),
    ("MailRepository", "keep"),
    # An address is no user's.
    ("BanRepository", "ban_address"),
    ("BanRepository", "address_until"),
    ("ViolationRepository", "add_of_address"),
    # What is shared is found by those whom it is shared with; owners are only some of them.
    ("AclEntryRepository", "bits"),
    ("AclEntryRepository", "bits_of_each"),
    ("AclEntryRepository", "resources"),
    ("AclEntryRepository", "give"),
    ("AclEntryRepository", "change"),
    ("PeopleRepository", "known"),
    ("PeopleRepository", "search"),
    ("AclEntryRepository", "list"),
    ("AclEntryRepository", "forget"),
    # Links are read by whoever may: `echo.conversations.links` asks.
    ("ShareRepository", "find"),
    ("ShareRepository", "read"),
    ("ShareRepository", "outlines"),
    ("ShareRepository", "files_of"),
    # So are prompts and skills: their services ask for the grants first.
    ("PromptGroupRepository", "get"),
    ("PromptGroupRepository", "places"),
    ("PromptGroupRepository", "productions"),
    ("PromptGroupRepository", "put_in_production"),
    ("PromptGroupRepository", "read"),
    ("PromptGroupRepository", "update"),
    ("PromptGroupRepository", "use"),
    ("PromptGroupRepository", "delete"),
    ("PromptRepository", "count"),
    ("PromptRepository", "delete"),
    ("PromptRepository", "delete_group"),
    ("PromptRepository", "find"),
    ("PromptRepository", "get"),
    ("PromptRepository", "list_group"),
    ("PromptRepository", "newest"),
    ("PromptRepository", "sizes"),
    ("PromptRepository", "texts"),
    ("SkillRepository", "delete"),
    ("SkillRepository", "existing"),
    ("SkillRepository", "get"),
    ("SkillRepository", "places"),
    ("SkillRepository", "read"),
    ("SkillRepository", "update"),
    ("SkillRepository", "note_files"),
    ("SkillFileRepository", "delete"),
    ("SkillFileRepository", "get"),
    ("SkillFileRepository", "is_full"),
    ("SkillFileRepository", "put"),
    ("SkillFileRepository", "delete_skill"),
    ("SkillFileRepository", "list_skill"),
    # So are MCP servers; a login at one is found by what only the user's browser was given.
    ("McpServerRepository", "listed"),
    ("McpServerRepository", "named"),
    ("McpServerRepository", "get"),
    ("McpServerRepository", "update"),
    ("McpServerRepository", "delete"),
    ("McpLoginRepository", "of_state"),
    # What a process says of its connections, and of servers, is nobody's alone.
    ("McpStateRepository", "tell"),
    ("McpStateRepository", "keep"),
    ("McpStateRepository", "forget"),
    ("McpFindingRepository", "among"),
    ("McpFindingRepository", "add"),
    ("McpFindingRepository", "drop"),
    # So are agents: `echo.agents` asks the grants first.
    ("AgentListRepository", "count"),
    # A login has no owner yet; a challenge for one has none.
    ("PasskeyRepository", "find"),
    ("PasskeyRepository", "note_use"),
    ("ChallengeRepository", "begin"),
    ("ChallengeRepository", "take"),
    ("AgentRepository", "delete"),
    # Actions are their agents'.
    ("ActionRepository", "delete"),
    ("ActionRepository", "find"),
    ("ActionRepository", "of_agents"),
    ("ActionTokenRepository", "drop_all"),
    ("AgentListRepository", "ids_of"),
    ("AgentRepository", "get"),
    ("AgentRepository", "identify"),
    ("AgentListRepository", "list_page"),
    ("AgentListRepository", "names_of"),
    ("AgentListRepository", "servers_of"),
    ("AgentListRepository", "summaries"),
    ("AgentRepository", "versions"),
    # An agent's files are searched for whoever may use it: `echo.tools.file_search` asks the grants first. The queue
    # is the server's.
    ("FileChunkRepository", "frequencies"),
    ("FileChunkRepository", "best"),
    ("FileChunkRepository", "vectors"),
    ("FileChunkRepository", "get_all"),
    ("VectorSearch", "is_there"),
    ("VectorSearch", "nearest"),
    ("FileIndexRepository", "take"),
    ("FileIndexRepository", "hold"),
    ("FileIndexRepository", "finish"),
    ("FileIndexRepository", "fail"),
    ("FileIndexRepository", "postpone"),
    ("FileRepository", "of_agent"),
    ("FileRepository", "of_agent_listed"),
    ("AgentCategoryRepository", "list"),
    ("AgentCategoryRepository", "seed"),
    # Roles are the operator's.
    ("AccessRoleRepository", "find"),
    ("AccessRoleRepository", "list_kind"),
    ("AccessRoleRepository", "seed"),
    ("RoleRepository", "change"),
    ("RoleRepository", "find"),
    ("RoleRepository", "list_page"),
    ("RoleRepository", "revive"),
    ("RoleRepository", "seed"),
    # What everybody has used is for administrators: `echo.credits.usage` asks for the role.
    ("TransactionRepository", "sums_of_all"),
    ("RoleRepository", "merge"),
    ("RoleRepository", "create"),
    ("RoleRepository", "describe"),
    # What administrators do is for everybody: `echo.admin` asks for the capabilities first.
    ("GroupRepository", "list_page"),
    ("GroupRepository", "get"),
    ("GroupRepository", "create"),
    ("GroupRepository", "describe"),
    ("GroupRepository", "member_ids"),
    ("GroupRepository", "add_member"),
    ("GroupRepository", "remove_member"),
    ("GroupRepository", "delete"),
    ("SystemGrantRepository", "held"),
    ("SystemGrantRepository", "of"),
    ("SystemGrantRepository", "list_page"),
    ("SystemGrantRepository", "give"),
    ("SystemGrantRepository", "take"),
    ("SystemGrantRepository", "seed"),
    ("AuditLogRepository", "append"),
    ("AuditLogRepository", "get"),
    ("AuditLogRepository", "list_page"),
    ("AuditLogRepository", "read"),
    ("AuditLogRepository", "verify"),
    ("ConfigRepository", "find"),
    ("ConfigRepository", "list"),
    ("ConfigRepository", "put"),
    ("ConfigRepository", "delete"),
    # Processes are no user's.
    ("WorkerRepository", "alive"),
    ("WorkerRepository", "beat"),
    ("UserRepository", "create"),
    ("UserRepository", "find_by_email"),
    ("UserRepository", "count"),
}


def check_project(root: Path) -> list[str]:
    """Every finding in the project at `root`."""
    documents = {name: json.loads((root / name).read_text(encoding="utf-8")) for name in DOCUMENTS}
    findings = [
        *(text for name, each in documents.items() for text in check_paths_sorted(each["paths"], name)),
        *check_handlers(documents.values(), root / "handlers"),
    ]
    for layer in FORBIDDEN_IMPORTS:
        for path in sorted((root / layer).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            name = path.relative_to(root).as_posix()
            findings += (f"{name}:{text}" for text in (*check_module(layer, tree), *check_reach(name, tree)))
    return findings


def check_module(layer: str, tree: ast.Module) -> Iterator[str]:
    """Findings in one module, as `line: text`."""
    yield from check_imports(layer, tree)
    if layer == "storage":
        yield from check_owner_first(tree)
    if layer == "handlers":
        yield from check_no_try(tree)


def check_paths_sorted(paths: Iterable[str], name: str = "openapi.json") -> Iterator[str]:
    """Static paths come before templated ones, level by level: Connexion's security depends on it."""
    keys = [tuple(("{" in segment, segment) for segment in path.split("/")) for path in paths]
    for (before, after), path in zip(pairwise(keys), list(paths)[1:], strict=False):
        if before > after:
            yield f"{name}: {path} is out of order"


def check_handlers(documents: Iterable[Mapping[str, Any]], directory: Path) -> Iterator[str]:
    """Each operation has its handler, and each public function of a handler module its operation.

    A folder below `handlers` holds what belongs to one contract alone; what several use stands beside it.
    """
    declared = {
        (operation["x-openapi-router-controller"], operation["operationId"])
        for document in documents
        for item in document["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict)
    }
    found = {
        (".".join(("handlers", *path.relative_to(directory).with_suffix("").parts)), node.name)
        for path in directory.rglob("*.py")
        if path.stem not in ("__init__", "paging") and "schemas" not in path.relative_to(directory).parts
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    yield from (f"openapi.json: {'.'.join(name)} has no handler" for name in sorted(declared - found))
    yield from (f"handlers: {'.'.join(name)} has no operation" for name in sorted(found - declared))


def check_imports(layer: str, tree: ast.Module) -> Iterator[str]:
    """No import across the layers."""
    for line, name in imported_names(tree):
        top = name.partition(".")[0]
        if top in FORBIDDEN_IMPORTS[layer]:
            yield f"{line}: {layer} must not import {name}"
        elif layer == "handlers" and top == "storage" and not name.startswith(HANDLERS_STORAGE):
            yield f"{line}: handlers must not import {name}"


def check_reach(name: str, tree: ast.Module) -> Iterator[str]:
    """Outside of the command line nothing imports what is the operator's."""
    if not name.startswith(OPERATORS):
        for line, imported in imported_names(tree):
            if imported.startswith(OPERATORS_ONLY):
                yield f"{line}: only {OPERATORS} may import {imported}"


def imported_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The line and full name of everything that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def check_owner_first(tree: ast.Module) -> Iterator[str]:
    """Every public method of a repository takes the owner first, and uses it."""
    for cls in (node for node in tree.body if isinstance(node, ast.ClassDef) and is_repository(node)):
        for method in (node for node in cls.body if isinstance(node, ast.FunctionDef)):
            if method.name.startswith("_") or (cls.name, method.name) in WITHOUT_OWNER:
                continue
            arguments = [argument.arg for argument in method.args.args]
            used = {node.id for node in ast.walk(method) if isinstance(node, ast.Name)}
            if arguments[1:2] != ["owner"]:
                yield f"{method.lineno}: {cls.name}.{method.name} does not take the owner first"
            elif "owner" not in used:
                yield f"{method.lineno}: {cls.name}.{method.name} does not use the owner"


def is_repository(node: ast.ClassDef) -> bool:
    """Whether a class is one of the repositories by its name."""
    return node.name.endswith("Repository") and node.name != "Repository"


def check_no_try(tree: ast.Module) -> Iterator[str]:
    """A handler raises and lets raise; there is one renderer of errors."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Try):
            yield f"{node.lineno}: a handler must not catch"
