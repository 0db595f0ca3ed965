"""What `interface` and `memory` say of permissions: only what is named there."""

from typing import Any

import pytest

from tests.settings.conftest import Load

MEMORIES = ("USE", "CREATE", "UPDATE", "READ", "OPT_OUT")


@pytest.mark.parametrize(
    ("text", "permissions"),
    [
        ("interface: {customWelcome: Hello}", {}),
        ("interface: {prompts: false}", {"PROMPTS": {"USE": False}}),
        ("interface: {agents: true, skills: false}", {"AGENTS": {"USE": True}, "SKILLS": {"USE": False}}),
        (
            "interface: {prompts: {use: true, create: false, share: true, public: false}}",
            {"PROMPTS": {"USE": True, "CREATE": False, "SHARE": True, "SHARE_PUBLIC": False}},
        ),
        ("interface: {agents: {share: true}}", {"AGENTS": {"SHARE": True}}),
        ("interface: {agents: {}}", {}),
        (
            "interface: {sharedLinks: false}",
            {"SHARED_LINKS": {"CREATE": False, "SHARE": False, "SHARE_PUBLIC": False}},
        ),
        ("interface: {sharedLinks: {public: false}}", {"SHARED_LINKS": {"SHARE_PUBLIC": False}}),
        (
            "interface: {bookmarks: false, memories: true, multiConvo: false, temporaryChat: false}",
            {
                "BOOKMARKS": {"USE": False},
                "MEMORIES": {"USE": True},
                "MULTI_CONVO": {"USE": False},
                "TEMPORARY_CHAT": {"USE": False},
            },
        ),
        (
            "interface: {peoplePicker: {users: true, groups: false, roles: true}}",
            {"PEOPLE_PICKER": {"VIEW_USERS": True, "VIEW_GROUPS": False, "VIEW_ROLES": True}},
        ),
        ("interface: {marketplace: {use: true}}", {"MARKETPLACE": {"USE": True}}),
        (
            "interface: {runCode: false, webSearch: true, fileSearch: false, fileCitations: false}",
            {
                "RUN_CODE": {"USE": False},
                "WEB_SEARCH": {"USE": True},
                "FILE_SEARCH": {"USE": False},
                "FILE_CITATIONS": {"USE": False},
            },
        ),
        (
            "interface: {mcpServers: {use: true, configureObo: false, placeholder: MCP}}",
            {"MCP_SERVERS": {"USE": True, "CONFIGURE_OBO": False}},
        ),
        ("interface: {remoteAgents: {use: false}}", {"REMOTE_AGENTS": {"USE": False}}),
    ],
)
def test_only_what_the_file_names(load: Load, text: str, permissions: dict[str, Any]) -> None:
    assert load(text).permissions == permissions


def test_no_file_says_nothing(load: Load) -> None:
    assert load("").permissions == {}


@pytest.mark.parametrize(
    "text",
    [
        "interface: {prompts: 1}",
        "interface: {prompts: {use: yes please}}",
        "interface: {peoplePicker: true}",
        "interface: {marketplace: {use: 0}}",
        "interface: {temporaryChat: {use: true}}",
    ],
)
def test_what_librechat_refuses_is_refused(load: Load, text: str) -> None:
    with pytest.raises(Exception, match=r"interface\.\w+"):
        load(text)


def test_memory_that_the_file_names_is_asked_for(load: Load) -> None:
    assert load("memory: {charLimit: 100}").memory.asked_for
    assert not load("memory: {disabled: true}").memory.asked_for
    assert not load("").memory.asked_for
