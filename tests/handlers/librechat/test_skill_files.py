"""Files of skills, and skills out of files."""

import io
import stat
import zipfile
from collections.abc import Mapping
from typing import Any

import pytest
from bson import ObjectId

from echo.settings import Settings
from tests.conftest import UserClient
from tests.files import samples
from tests.handlers.librechat.sharing import EDIT, VIEW, Stored, allow_only, grant
from tests.handlers.librechat.test_skills import KIND, PATH, make

PNG = samples.picture("PNG", (3, 2))
GUIDE = "references/guide.md"
SKILL = "---\nname: walker\ndescription: When to walk.\nalways-apply: true\n---\n# Walk\n"
# Each line has ten times the values of the one before.
ALIASES = "a0: &a0 [x]\n" + "".join(
    f"a{level}: &a{level} [{','.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 9)
)


def send(user: UserClient, skill_id: str, path: str = GUIDE, content: bytes = b"# Guide") -> Any:
    name = path.rpartition("/")[2] or "file"
    return user.post(f"{PATH}/{skill_id}/files", files={"file": (name, content)}, data={"relativePath": path})


def file_path(skill_id: str, path: str = GUIDE) -> str:
    return f"{PATH}/{skill_id}/files/{path.replace('/', '%2F')}"


def packed(members: Mapping[str, bytes | str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def bring(user: UserClient, name: str, content: bytes | str) -> Any:
    data = content.encode() if isinstance(content, str) else content
    return user.post(f"{PATH}/import", files={"file": (name, data)})


def kept_files(settings: Settings, user: UserClient) -> int:
    directory = settings.data_dir / "files" / "uploads" / user.id
    return len(list(directory.iterdir())) if directory.is_dir() else 0


@pytest.fixture
def skill(ada: UserClient) -> str:
    return str(make(ada)["_id"])


class TestFiles:
    def test_are_kept_listed_read_and_deleted(
        self, ada: UserClient, stored: Stored, settings: Settings, skill: str
    ) -> None:
        made = send(ada, skill)
        assert made.status_code == 200, made.text
        document = stored.skillfiles.find_one({"skillId": ObjectId(skill)})
        assert document is not None
        assert {name: made.json()[name] for name in ("relativePath", "filename", "mimeType", "bytes")} == {
            "relativePath": GUIDE,
            "filename": "guide.md",
            "mimeType": "text/markdown",
            "bytes": 7,
        }
        assert (document["author"], document["category"]) == (ObjectId(ada.id), "reference")
        [listed] = ada.get(f"{PATH}/{skill}/files").json()["files"]
        assert listed == made.json()
        read = ada.get(file_path(skill))
        assert read.json() == {
            "relativePath": GUIDE,
            "filename": "guide.md",
            "mimeType": "text/markdown",
            "bytes": 7,
            "isBinary": False,
            "content": "# Guide",
        }
        raw = ada.get(file_path(skill), params={"raw": "true"})
        assert (raw.content, raw.headers["content-type"]) == (b"# Guide", "application/octet-stream")
        assert raw.headers["content-disposition"].startswith("attachment")
        known = ada.get(f"{PATH}/{skill}").json()
        assert (known["fileCount"], known["version"]) == (1, 2)
        gone = ada.delete(file_path(skill))
        assert gone.json() == {"skillId": skill, "relativePath": GUIDE, "deleted": True}
        assert ada.get(file_path(skill)).status_code == ada.delete(file_path(skill)).status_code == 404
        assert ada.get(f"{PATH}/{skill}").json()["fileCount"] == 0
        assert kept_files(settings, ada) == 0

    def test_slashes_of_their_paths_may_stand_as_they_are(self, ada: UserClient, skill: str) -> None:
        send(ada, skill, "a/b/c.md", b"deep")
        for path in ("a/b/c.md", "a%2Fb/c.md", "a%2Fb%2Fc.md"):
            assert ada.get(f"{PATH}/{skill}/files/{path}").json()["content"] == "deep"
        for path in ("a/b", "a//b/c.md", "a/b/c.md/", "%2E%2E/a/b/c.md"):
            assert ada.get(f"{PATH}/{skill}/files/{path}").status_code == 404
        assert ada.delete(f"{PATH}/{skill}/files/a/b/c.md").json()["relativePath"] == "a/b/c.md"

    def test_one_at_the_same_path_takes_the_place_of_the_other(
        self, ada: UserClient, settings: Settings, skill: str
    ) -> None:
        first = send(ada, skill).json()
        second = send(ada, skill, content=b"# Another").json()
        assert (second["_id"], second["createdAt"]) == (first["_id"], first["createdAt"])
        assert ada.get(file_path(skill)).json()["content"] == "# Another"
        assert (ada.get(f"{PATH}/{skill}").json()["fileCount"], kept_files(settings, ada)) == (1, 1)

    def test_pictures_are_no_text(self, ada: UserClient, skill: str) -> None:
        send(ada, skill, "assets/a.png", PNG)
        read = ada.get(file_path(skill, "assets/a.png")).json()
        assert (read["isBinary"], "content" in read) == (True, False)
        raw = ada.get(file_path(skill, "assets/a.png"), params={"raw": "true"})
        assert (raw.content, raw.headers["content-type"]) == (PNG, "image/png")

    def test_the_skill_itself_is_read_like_a_file(self, ada: UserClient) -> None:
        skill = make(ada, body="# Walk")["_id"]
        read = ada.get(file_path(skill, "SKILL.md")).json()
        assert (read["content"], read["bytes"], read["mimeType"]) == ("# Walk", 6, "text/markdown")

    @pytest.mark.parametrize(
        "path", ["../up.md", "/top.md", "a//b", "a/./b", "SKILL.md", "skill.MD", "ä.md", "a\\b", "x" * 501]
    )
    def test_elsewhere_than_beside_the_skill_are_refused(
        self, ada: UserClient, settings: Settings, skill: str, path: str
    ) -> None:
        assert send(ada, skill, path).status_code == 400
        assert kept_files(settings, ada) == 0

    def test_what_cannot_be_kept_leaves_nothing(
        self, ada: UserClient, settings: Settings, skill: str
    ) -> None:
        assert send(ada, skill, content=b"").status_code == 422
        assert send(ada, skill, content=b"MZ\x00\x01" * 40).status_code == 415
        assert send(ada, skill, content=b"x" * (10 * 1024 * 1024 + 1)).status_code == 413
        assert (ada.get(f"{PATH}/{skill}/files").json()["files"], kept_files(settings, ada)) == ([], 0)

    def test_there_are_never_more_than_a_list_shows(
        self, ada: UserClient, stored: Stored, skill: str
    ) -> None:
        filled = [{"skillId": ObjectId(skill), "relativePath": f"{number}"} for number in range(999)]
        stored.skillfiles.insert_many([*filled, {"skillId": ObjectId(skill), "relativePath": GUIDE}])
        refused = send(ada, skill, "one-more.md")
        assert (refused.status_code, refused.json()["code"]) == (422, "too_many_skill_files")
        assert send(ada, skill).status_code == 200

    def test_are_read_by_viewers_and_changed_by_editors(
        self, ada: UserClient, bob: UserClient, stored: Stored, settings: Settings, skill: str
    ) -> None:
        send(ada, skill)
        assert bob.get(file_path(skill)).status_code == 404
        assert send(bob, skill).status_code == 404
        grant(stored, KIND, skill, VIEW, bob)
        assert bob.get(file_path(skill)).json()["content"] == "# Guide"
        assert send(bob, skill).status_code == bob.delete(file_path(skill)).status_code == 403
        stored.aclentries.update_one(
            {"principalId": ObjectId(bob.id), "resourceId": ObjectId(skill)},
            {"$set": {"permBits": VIEW | EDIT}},
        )
        assert send(bob, skill, content=b"# Bob").json()["author"] == bob.id
        assert ada.get(file_path(skill)).json()["content"] == "# Bob"
        assert (kept_files(settings, ada), kept_files(settings, bob)) == (0, 1)
        assert ada.delete(f"{PATH}/{skill}").status_code == 200
        assert kept_files(settings, bob) == 0

    def test_records_that_lead_elsewhere_show_nothing(
        self, ada: UserClient, bob: UserClient, stored: Stored, skill: str
    ) -> None:
        other = bob.post("/api/files", files={"file": ("b.txt", b"private", "text/plain")}).json()
        send(ada, skill)
        stored.skillfiles.update_one(
            {"skillId": ObjectId(skill)},
            {"$set": {"filepath": f"/uploads/{bob.id}/{other['file_id']}", "content": None}},
        )
        assert ada.get(file_path(skill)).status_code == 404
        assert ada.get(file_path(skill), params={"raw": "true"}).status_code == 404


class TestImport:
    def test_of_a_markdown_file(self, ada: UserClient, stored: Stored) -> None:
        made = bring(ada, "SKILL.md", SKILL)
        assert made.status_code == 201, made.text
        said = {name: made.json()[name] for name in ("name", "description", "body", "alwaysApply", "author")}
        assert said == {
            "name": "walker",
            "description": "When to walk.",
            "body": SKILL,
            "alwaysApply": True,
            "author": ada.id,
        }
        assert "_importSummary" not in made.json()
        assert stored.aclentries.count_documents({"resourceId": ObjectId(made.json()["_id"])}) == 1
        assert bring(ada, "SKILL.md", SKILL).status_code == 409

    def test_without_front_matter_is_called_like_the_file(self, ada: UserClient) -> None:
        made = bring(ada, "My Walk.md", "# Walk").json()
        assert (made["name"], made["description"], made["alwaysApply"]) == ("my-walk", "my-walk", False)

    @pytest.mark.parametrize("prefix", ["", "walker/"])
    def test_of_an_archive(self, ada: UserClient, settings: Settings, prefix: str) -> None:
        members: dict[str, bytes | str] = {
            f"{prefix}SKILL.md": SKILL,
            f"{prefix}scripts/run.py": "print(1)",
            f"{prefix}assets/a.png": PNG,
            f"{prefix}assets/": "",
        }
        made = bring(ada, "walker.skill", packed(members)).json()
        assert made["_importSummary"] == {
            "filesProcessed": 2,
            "filesSucceeded": 2,
            "filesFailed": 0,
            "errors": [],
        }
        assert (made["fileCount"], made["body"], kept_files(settings, ada)) == (2, SKILL, 2)
        listed = ada.get(f"{PATH}/{made['_id']}/files").json()["files"]
        assert [(each["relativePath"], each["category"]) for each in listed] == [
            ("assets/a.png", "asset"),
            ("scripts/run.py", "script"),
        ]

    def test_names_the_files_that_it_does_not_take(self, ada: UserClient, settings: Settings) -> None:
        link = zipfile.ZipInfo("link.md")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        stream = io.BytesIO(packed({"SKILL.md": SKILL, "../up.md": "x", "empty.md": "", "ok.md": "ok"}))
        with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(link, "/etc/passwd")
            archive.writestr("bomb.txt", b"0" * (10 * 1024 * 1024 + 1))
            archive.writestr("nested/SKILL.md", "x")
        summary = bring(ada, "walker.zip", stream.getvalue()).json()["_importSummary"]
        assert (summary["filesProcessed"], summary["filesSucceeded"], summary["filesFailed"]) == (6, 2, 4)
        assert [(each["path"], each["error"]) for each in summary["errors"]] == [
            ("../up.md", "Invalid path"),
            ("empty.md", "The file is empty."),
            ("link.md", "Invalid path"),
            ("bomb.txt", "Too large"),
        ]
        assert kept_files(settings, ada) == 2

    @pytest.mark.parametrize(
        ("name", "content", "status"),
        [
            ("skill.txt", "x", 415),
            ("skill.zip", "no archive", 400),
            ("skill.zip", packed({"a/b/SKILL.md": SKILL}), 400),
            ("skill.zip", packed({"SKILL.md": "x", **{str(number): "" for number in range(500)}}), 400),
            ("skill.zip", packed({"SKILL.md": b"x" * 100_001}), 400),
            ("skill.md", b"\xff\xfe", 400),
            ("skill.md", "---\nname: [\n---\n", 400),
            ("skill.md", f"---\nname: {'[' * 5000}\n---\n", 400),
            ("skill.md", f"---\n{ALIASES}---\n", 400),
            ("skill.md", "---\nname: Not A Name\n---\n", 400),
            ("skill.md", "---\nname: claude-walk\n---\n", 400),
            ("skill.md", "---\nname: walk\nalways-apply: perhaps\n---\n", 400),
            ("skill.md", f"---\nname: walk\ndescription: {'x' * 1025}\n---\n", 400),
            ("skill.md", "a\x00b", 400),
            (".md", "x", 400),
        ],
        ids=range(15),
    )
    def test_what_is_no_skill_makes_none(
        self, ada: UserClient, name: str, content: bytes | str, status: int
    ) -> None:
        assert bring(ada, name, content).status_code == status
        assert ada.get(PATH).json()["skills"] == []

    def test_needs_the_permission_to_create(self, ada: UserClient, stored: Stored) -> None:
        allow_only(stored, ada, "SKILLS", "USE")
        response = bring(ada, "SKILL.md", SKILL)
        assert (response.status_code, response.json()["code"]) == (403, "insufficient_permissions")
