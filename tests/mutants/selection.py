"""Which modules are mutated, and which tests each of them is held against."""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from tests.mutants.reach import TABLE

PACKAGES = (
    "storage",
    "echo/access",
    "echo/accounts",
    "echo/chat",
    "echo/contract",
    "echo/conversations",
    "echo/credits",
    "echo/handling",
    "echo/http",
    "echo/providers",
)

# Modules that are tested under another name, too or only: the ends of their paths, and of the tests'.
ELSEWHERE = {
    "access/access_roles": ("test_seeds.py",),
    "access/audit_chain": ("test_audit_log.py",),
    "access/configs": ("admin/test_configs.py",),
    "access/directory_groups": ("federation/test_directory.py", "federation/test_openid.py"),
    "access/groups": ("admin/test_groups.py",),
    "access/people": ("librechat/test_permissions.py",),
    "access/principals": ("test_acl_entries.py", "librechat/test_permissions.py"),
    "access/resources": ("test_acl_entries.py", "librechat/test_permissions.py"),
    "access/roles": ("access/test_roles.py", "admin/test_roles.py"),
    "access/system_grants": ("admin/test_grants.py", "security/test_capabilities.py"),
    "accounts/addresses": ("accounts/test_own_account.py",),
    "accounts/credentials": ("accounts/test_service_logins.py",),
    "accounts/deletion": ("handlers/test_users.py", "accounts/test_erasure.py"),
    "accounts/federated_users": ("federation/test_accounts.py",),
    "accounts/letters": ("handlers/test_recovery.py",),
    "accounts/recovery": ("handlers/test_recovery.py",),
    "accounts/service": (
        "accounts/test_service.py",
        "accounts/test_service_logins.py",
        "handlers/test_recovery.py",
        "handlers/test_two_factor_login.py",
        "http/test_violations.py",
    ),
    "accounts/metering": ("accounts/test_metering.py", "handlers/test_api_key_limits.py"),
    "echo/accounts/api_keys": ("handlers/test_api_keys.py", "handlers/test_api_key_limits.py"),
    "echo/accounts/passkeys": ("handlers/test_passkeys.py",),
    "echo/accounts/turns": ("federation/test_delegation.py", "mcp/test_on_behalf.py"),
    "echo/accounts/two_factor": ("handlers/test_two_factor.py", "handlers/test_two_factor_login.py"),
    "echo/accounts/violations": ("accounts/test_service.py", "http/test_violations.py"),
    "agents/agent_lists": ("storage/agents/test_agents.py",),
    "anthropic": ("test_dialects.py", "test_personal.py"),
    "chat_shapes": ("test_chats.py",),
    "contract/document": ("contract/test_compiling.py",),
    "contract/operations": ("contract/test_operations.py", "test_large_answers.py", "http/test_http.py"),
    "contract/schemas": ("test_parameters.py", "test_forms.py", "contract/test_requests.py"),
    "conversations/additions": ("threads/test_claims.py", "threads/test_posting.py"),
    "conversations/chats": ("conversations/test_transactions.py",),
    "conversations/claims": ("threads/test_claims.py", "threads/test_posting.py"),
    "conversations/conversations": ("conversations/test_search_index.py", "conversations/test_shares.py"),
    "conversations/copies": (
        "threads/test_forking.py",
        "conversations/test_transactions.py",
        "storage/conversations/test_shapes.py",
    ),
    "conversations/counts": ("conversations/test_projects.py", "conversations/test_tags.py"),
    "conversations/deletions": ("threads/test_deleting.py", "conversations/test_transactions.py"),
    "conversations/exchanges": ("conversations/test_transactions.py",),
    "conversations/projects": ("conversations/test_transactions.py",),
    "conversations/revisions": ("conversations/test_transactions.py",),
    "conversations/search_building": ("conversations/test_search_index.py",),
    "conversations/search_parts": ("conversations/test_search_index.py",),
    "conversations/search_states": ("conversations/test_search_index.py",),
    "conversations/shapes": (
        "conversations/test_copies.py",
        "conversations/test_imports.py",
        "conversations/test_revisions.py",
    ),
    "conversations/tags": ("conversations/test_transactions.py",),
    "conversations/threads": ("conversations/test_transactions.py",),
    "core/errors": ("test_translation.py", "test_availability.py"),
    "core/folding": ("storage/core/test_search.py", "conversations/test_searches.py"),
    "core/lists": ("test_list_plans.py", "storage/library/test_presets.py"),
    "echo/accounts/passwords": ("accounts/test_passwords.py", "handlers/test_recovery.py"),
    "echo/accounts/registration": ("handlers/test_auth.py", "handlers/test_recovery.py"),
    "echo/accounts/user_keys": ("accounts/test_user_keys.py", "handlers/test_keys.py"),
    "echo/accounts/writing": ("handlers/test_recovery.py",),
    "echo/chat/assembly": (
        "chat/test_code.py",
        "chat/test_memories.py",
        "handlers/test_chat.py",
        "librechat/test_chat.py",
    ),
    "echo/chat/contexts": ("chat/test_summaries.py",),
    "echo/chat/prepared": ("chat/test_journal.py",),
    "echo/chat/relay": (
        "chat/test_injection.py",
        "chat/test_teams.py",
    ),
    "echo/chat/speaker": ("chat/test_summaries.py",),
    "echo/chat/summary_frames": ("chat/test_summaries.py",),
    "echo/conversations/artifacts": ("conversations/test_artifacts.py", "librechat/test_messages.py"),
    "echo/conversations/assembly": ("test_searches.py", "handlers/librechat/test_shares.py"),
    "echo/conversations/link_forks": ("conversations/test_link_forks.py", "librechat/test_share_forks.py"),
    "echo/conversations/links": ("handlers/librechat/test_shares.py",),
    "embedded/process": ("embedded/test_keeper.py", "embedded/test_server.py"),
    "embedded/replica": ("embedded/test_server.py",),
    "exchanges": ("test_exchanges.py",),
    "federation/assembly": ("federation/test_openid.py", "federation/test_ways_in.py"),
    "federation/attempts": ("federation/test_openid.py", "federation/test_social.py"),
    "federation/claims": ("federation/test_openid.py",),
    "federation/delegation": ("mcp/test_on_behalf.py", "federation/test_openid.py"),
    "federation/directory_assembly": ("federation/test_directory.py",),
    "federation/discovery": ("federation/test_openid.py",),
    "federation/ldap_client": ("federation/test_directory.py",),
    "federation/saml_signatures": ("federation/test_saml.py",),
    "federation/signed": ("federation/test_openid.py",),
    "google": ("test_dialects.py", "test_personal.py"),
    "http/capabilities": ("test_guards.py",),
    "http/permissions": ("test_guards.py",),
    **dict.fromkeys(
        (
            f"library/{name}"
            for name in ("assistants", "file_chunks", "memories", "prompt_groups", "prompts", "skills")
        ),
        ("library/test_time_limits.py",),
    ),
    "openai": ("test_dialects.py", "test_personal.py"),
    "conversations/tool_calls": ("librechat/test_code.py", "librechat/test_tools.py"),
    "operator/agent_directory": ("cli/test_agents.py",),
    "operator/directory": ("federation/test_directory.py",),
    "operator/indexes": ("librechat/test_indexes.py", "storage/core/test_database.py"),
    "operator/moving_files": ("files/test_clouds.py",),
    "operator/moving_pictures": ("cli/test_files.py", "files/test_clouds.py"),
    "offline/answers": ("providers/test_offline.py",),
    "offline/connector": ("providers/test_offline.py",),
    "offline/schemas": ("providers/test_offline.py",),
    "offline/service": ("providers/test_offline.py",),
    "providers/anthropic_cache": ("test_anthropic.py", "test_dialects.py"),
    "providers/anthropic_content": ("test_anthropic.py", "test_dialects.py"),
    "providers/anthropic_models": ("test_anthropic.py", "test_tools.py"),
    "providers/anthropic_options": ("test_anthropic.py", "test_dialects.py"),
    "providers/anthropic_reader": ("test_anthropic.py", "test_tools.py", "test_ends.py"),
    "providers/arguments": ("test_google.py", "test_reading.py", "test_anthropic.py"),
    "providers/asked": ("test_google.py", "test_anthropic.py", "test_openai.py", "test_dialects.py"),
    "providers/azure": ("test_openai.py", "test_personal.py", "test_sites.py", "test_dialects.py"),
    "providers/call_pieces": ("providers/test_call_pieces.py", "providers/test_tools.py"),
    "providers/chat": ("providers/test_content.py", "test_openai.py", "test_anthropic.py", "test_google.py"),
    "providers/chunks": (
        "test_call_pieces.py",
        "test_dialects.py",
        "test_ends.py",
        "test_likelihood.py",
        "test_think_tags.py",
    ),
    "providers/content": ("test_google.py", "test_anthropic.py", "test_openai.py", "test_dialects.py"),
    "providers/errands": (
        "providers/test_audio.py",
        "test_embeddings.py",
        "providers/test_sites.py",
        "handlers/test_audio.py",
    ),
    "providers/forms": ("providers/test_audio.py", "providers/test_images.py", "handlers/test_audio.py"),
    "providers/google_content": ("test_google.py", "test_dialects.py"),
    "providers/google_images": ("providers/test_images.py",),
    "providers/google_options": ("test_google.py", "test_tools.py", "test_dialects.py"),
    "providers/google_reader": ("test_google.py", "test_tools.py", "test_ends.py"),
    "providers/models": ("providers/test_catalog.py", "test_dialects.py"),
    "providers/naming": ("test_adapting.py", "test_streams.py", "test_embeddings.py"),
    "providers/openai_messages": ("test_openai.py", "test_dialects.py"),
    "providers/operations": (
        "providers/test_audio.py",
        "providers/test_images.py",
        "test_embeddings.py",
        "providers/test_sites.py",
    ),
    "providers/parameters": ("test_adapting.py", "test_dialects.py"),
    "providers/parts": ("providers/test_content.py", "test_openai.py", "test_offline.py"),
    "providers/provider": (
        "test_streams.py",
        "test_personal.py",
        "providers/test_sites.py",
        "test_dialects.py",
    ),
    "providers/retries": ("test_streams.py", "test_ends.py"),
    "providers/schemas": ("test_anthropic.py", "test_google.py"),
    "providers/streams": (
        "test_google.py",
        "test_anthropic.py",
        "test_ends.py",
        "test_dialects.py",
        "test_call_pieces.py",
    ),
    "providers/title_text": ("providers/test_titles.py",),
    "providers/token_counts": ("test_anthropic.py",),
    "providers/transport": (
        "test_streams.py",
        "test_adapting.py",
        "test_addresses.py",
        "providers/test_sites.py",
        "test_dialects.py",
    ),
    "run": ("test_runs.py",),
    "runs/runs": ("runs/test_steers.py",),
    "search": ("test_conversations.py", "test_messages.py"),
}


class NoSuchModule(Exception):
    """There is no such module, or it is not one that is mutated."""


def modules_to_mutate(root: Path, names: Sequence[str] = ()) -> list[Path]:
    """The modules as paths below `root`: all, or those that are named or stand in a folder that is.

    Raises `NoSuchModule`.
    """
    found = sorted(
        path.relative_to(root)
        for package in PACKAGES
        for path in (root / package).rglob("*.py")
        if path.name != "__init__.py"
    )
    named: dict[Path, None] = {}
    for name in names:
        meant = [module for module in found if module.is_relative_to(name)]
        if not meant:
            raise NoSuchModule(f"{name} is no module of {', '.join(PACKAGES)}, and no folder of any.")
        named.update(dict.fromkeys(meant))
    return list(named) or found


def by_package(modules: Iterable[Path]) -> dict[Path, list[Path]]:
    """The modules of each package that is two folders deep, such as `echo/http`, with those below it."""
    packages: dict[Path, list[Path]] = {}
    for module in modules:
        packages.setdefault(Path(*module.parent.parts[:2]), []).append(module)
    return packages


def own_tests(root: Path, module: Path) -> list[Path]:
    """The tests that a module is held against, as paths below `root`.

    Its own, see `named_tests`, or where there are none, all tests of the folder that mirrors the module's. Beside
    those, what the table of `tests/mutants/reach.py` has for functions that none of its own runs.
    """
    own = set(named_tests(root, module)) or {mirror_of(root, module)}
    reaching = {Path(name) for name in _reaching().get(module.as_posix(), ()) if (root / name).exists()}
    return sorted(own | {path for path in reaching if not any(path.is_relative_to(each) for each in own)})


def named_tests(root: Path, module: Path) -> list[Path]:
    """`test_<module>.py`, `test_<module>_*.py`, the folder `<module>`, and what `ELSEWHERE` names.

    The first are in the folder of `tests` that mirrors the module's.
    """
    mirror = root / mirror_of(root, module)
    stem = module.stem
    found = {*mirror.glob(f"test_{stem}.py"), *mirror.glob(f"test_{stem}_*.py"), *mirror.glob(f"{stem}/")}
    for end, names in ELSEWHERE.items():
        if module.with_suffix("").match(end):
            found.update(path for name in names for path in _nearest(root / "tests", mirror, name))
    return sorted(path.relative_to(root) for path in found)


@cache
def _reaching() -> dict[str, list[str]]:
    return dict(json.loads(TABLE.read_text()))


def mirror_of(root: Path, module: Path) -> Path:
    """`echo/http/cors.py` has its tests in `tests/http`, or the nearest folder above that has any."""
    package = module.parent
    folder = root / "tests" / package.relative_to("echo" if package.parts[0] == "echo" else ".")
    while not any(folder.glob("**/test_*.py")):
        folder = folder.parent
    return folder.relative_to(root)


def _nearest(tests: Path, mirror: Path, name: str) -> list[Path]:
    """The files of that name below the mirror, or else anywhere."""
    return list(mirror.rglob(name)) or list(tests.rglob(name))
