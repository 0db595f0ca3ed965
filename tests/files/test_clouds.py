"""Files in S3, Azure and Firebase: kept, found and removed as those on the disk, and as LibreChat has them."""

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from bson import ObjectId

from echo.cli.file_moving import FileMover
from echo.cli.picture_moving import PictureMover
from echo.errors import ApiError, NotFound, ServiceUnavailable
from echo.files import FileStore
from echo.files.cloud import CloudObject, build_clouds, object_stores
from echo.files.cloud.keys import key_of, shown_picture
from echo.files.cloud.service import PIECE_BYTES, Calls
from echo.settings.cloud import AzureSettings, CloudSettings, FirebaseSettings, S3Settings
from storage.core.database import Database
from storage.operator.moving_files import MovableFile, MovingFiles
from storage.operator.moving_pictures import MovablePicture, MovingPictures
from tests.files import samples
from tests.files.samples import ADA, BOB, TEXT, files_below, record_of, upload
from tests.support.clouds import (
    AZURE_ACCOUNT,
    AZURE_KEY,
    BUCKET,
    PlayedService,
    S3Server,
    azure_server,
    firebase_server,
)

SOURCES = ("s3", "azure_blob", "firebase")
MakeStore = Callable[..., FileStore]


@pytest.fixture(scope="module")
def azure() -> Iterator[PlayedService]:
    with azure_server() as service:
        yield service


@pytest.fixture(scope="module")
def firebase() -> Iterator[PlayedService]:
    with firebase_server() as service:
        yield service


@pytest.fixture
def services(s3: S3Server, azure: PlayedService, firebase: PlayedService) -> dict[str, Any]:
    return {
        "s3": S3Settings(BUCKET, "us-east-1", s3.url, "tests", "tests-only", force_path_style=True),
        "azure": AzureSettings("files", AZURE_ACCOUNT, azure.url, AZURE_KEY),
        "firebase": FirebaseSettings(BUCKET, firebase.url),
    }


@pytest.fixture
def make_store(tmp_path: Path, services: dict[str, Any]) -> MakeStore:
    def make(source: str, **goes: str) -> FileStore:
        kinds = {"avatar": source, "image": source, "document": source, **goes}
        settings = CloudSettings(**kinds, **services)
        clouds = build_clouds(settings)
        return FileStore(
            tmp_path / "files", max_bytes=20_000_000, max_pixels=10_000, clouds=clouds, goes=settings
        )

    return make


def content_of(store: FileStore, record: Mapping[str, Any]) -> bytes:
    with store.opened(record) as stream:
        return stream.read()


@pytest.mark.parametrize("source", SOURCES)
class TestAService:
    def test_keeps_finds_and_removes_a_file(self, make_store: MakeStore, tmp_path: Path, source: str) -> None:
        store = make_store(source)
        # More than one part of what is sent, and than one piece of what is read.
        content = samples.archive({"a": os.urandom(11_000_000)})
        record = record_of(store.save(ADA, upload(content, "my file.zip")))
        assert record["source"] == source
        assert files_below(tmp_path) == []
        found = store.find(record)
        assert isinstance(found, CloudObject)
        assert (found.key, found.size) == (f"uploads/{ADA}/{record['file_id']}", len(content))
        assert content_of(store, record) == content
        with store.opened(record) as stream:
            stream.seek(PIECE_BYTES - 2)
            assert stream.read(4) == content[PIECE_BYTES - 2 : PIECE_BYTES + 2]
        store.delete(record)
        with pytest.raises(NotFound):
            store.find(record)
        store.delete(record)

    def test_has_pictures_where_the_client_looks_for_them(self, make_store: MakeStore, source: str) -> None:
        store = make_store(source)
        stored = store.save(ADA, upload(samples.picture("PNG", (31, 17)), "ä b.png"), image=True)
        name = f"{stored.file_id}____b.png"
        assert store.find_picture(ADA, name) == store.find(record_of(stored))
        assert key_of(record_of(stored)) == f"images/{ADA}/{name}"
        for other in (BOB, ADA):
            with pytest.raises(NotFound):
                store.find_picture(other, "avatar-1.png")

    def test_replaces_what_stands_for_a_user(self, make_store: MakeStore, source: str) -> None:
        store, owner = make_store(source), secrets.token_hex(12)
        for name in ("avatar-1.png", "avatar-2.png", "agent-agent_x-avatar-1.png"):
            store.keep_picture(owner, name, b"png")
        store.remove_pictures(owner, "avatar-*.png", but="avatar-2.png")
        with pytest.raises(NotFound):
            store.find_picture(owner, "avatar-1.png")
        assert store.find_picture(owner, "avatar-2.png") != store.find_picture(
            owner, "agent-agent_x-avatar-1.png"
        )

    def test_gives_a_copy_to_another_owner(self, make_store: MakeStore, source: str) -> None:
        store = make_store(source)
        record = record_of(store.save(ADA, upload(TEXT, "a.txt")))
        place = store.copy_to(record, BOB)
        assert place is not None
        assert place["source"] == source
        assert content_of(store, {"user": BOB, **place}) == TEXT
        assert store.copy_to({**record, "filepath": f"/uploads/{ADA}/none", "storageKey": None}, BOB) is None

    def test_forgets_all_of_a_user(self, make_store: MakeStore, source: str) -> None:
        store, owner = make_store(source), secrets.token_hex(12)
        kept = [record_of(store.save(owner, upload(TEXT)), owner) for _ in range(3)]
        kept.append(record_of(store.save(owner, upload(samples.picture("PNG")), image=True), owner))
        others = record_of(store.save(BOB, upload(TEXT)), BOB)
        assert store.delete_all(owner).files == 4
        for record in kept:
            with pytest.raises(NotFound):
                store.find(record)
        assert content_of(store, others) == TEXT
        assert store.delete_all(owner).files == 0

    def test_leaves_what_lies_on_the_disk_under_the_same_path(
        self, make_store: MakeStore, source: str
    ) -> None:
        there, here = make_store(source), make_store("local")
        record = record_of(there.save(ADA, upload(TEXT)))
        key = key_of(record) or ""
        with there.opened(record) as stream:
            copy = {"user": ADA, **here.keep_copy(stream, record, "local", key).fields}
        there.delete({**record, "filepath": f"/{key}"})
        assert content_of(here, copy) == TEXT
        here.delete(copy)

    def test_keeps_nothing_of_what_failed(self, make_store: MakeStore, source: str) -> None:
        store = make_store(source)
        with pytest.raises(RuntimeError), store.received(ADA, upload(TEXT)) as stored:
            raise RuntimeError
        with pytest.raises(NotFound):
            store.find(record_of(stored))


class TestWhereFilesGo:
    def test_is_by_their_kind(self, make_store: MakeStore) -> None:
        store = make_store("local", image="azure_blob", avatar="s3")
        assert store.save(ADA, upload(TEXT)).record["source"] == "local"
        assert store.save(ADA, upload(samples.picture("PNG")), image=True).record["source"] == "azure_blob"
        assert store.keep_picture(ADA, "avatar-9.png", b"png").source == "s3"
        # One that was sent as a file is a document, as its path is.
        assert store.save(ADA, upload(samples.picture("PNG"))).record["source"] == "local"

    def test_the_records_are_those_that_librechat_reads(
        self, make_store: MakeStore, azure: PlayedService
    ) -> None:
        """S3: a key in `storageKey` and, with a slash before it, in `filepath`; the others: the whole address."""
        stored = make_store("s3").save(ADA, upload(TEXT))
        key = f"uploads/{ADA}/{stored.file_id}"
        assert stored.record["filepath"] == f"/{key}"
        assert stored.record["storageKey"] == key
        stored = make_store("azure_blob").save(ADA, upload(TEXT))
        assert stored.record["filepath"] == f"{azure.url}/files/uploads/{ADA}/{stored.file_id}"
        assert "storageKey" not in stored.record
        stored = make_store("firebase").save(ADA, upload(TEXT))
        assert stored.record["filepath"].endswith(
            f"/o/uploads%2F{ADA}%2F{stored.file_id}?alt=media&token=a-token"
        )

    def test_nobody_gets_a_page_from_the_service(
        self, make_store: MakeStore, s3: S3Server, azure: PlayedService
    ) -> None:
        stored = make_store("s3").save(ADA, upload(samples.HTML, "ä.html"))
        headers = s3.get(str(stored.kept.key)).headers
        assert headers["Content-Type"] == "text/plain; charset=utf-8"
        assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''%C3%A4.html"
        stored = make_store("azure_blob").save(ADA, upload(samples.HTML, "a.html"))
        assert azure.kinds[str(stored.kept.key)] == "text/plain; charset=utf-8"


class TestAddresses:
    def test_that_are_signed_give_the_file_to_anybody(self, make_store: MakeStore) -> None:
        for source in ("s3", "azure_blob"):
            store = make_store(source)
            url = store.sign(record_of(store.save(ADA, upload(TEXT))))
            assert requests.get(str(url), timeout=10).content == TEXT

    def test_there_are_none_of_files_elsewhere(self, make_store: MakeStore) -> None:
        for source in ("local", "firebase"):
            store = make_store(source)
            assert store.sign(record_of(store.save(ADA, upload(TEXT)))) is None

    def test_there_is_none_that_azure_would_refuse(self, make_store: MakeStore) -> None:
        for source, expected in (("azure_blob", False), ("s3", True)):
            record = {"user": ADA, "source": source, "filepath": f"/images/{ADA}/a b.txt"}
            assert (make_store("local").sign(record) is not None) is expected

    def test_of_a_record_without_a_key_of_its_own_is_none(self, make_store: MakeStore) -> None:
        with pytest.raises(NotFound):
            make_store("s3").sign({"user": ADA, "source": "s3", "filepath": f"https://x/images/{BOB}/a"})


KEY = f"images/{ADA}/f1__note.txt"
SIGNED = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=120&X-Amz-Signature=abc"


class TestKeys:
    """What LibreChat writes, and what somebody might have written."""

    @pytest.mark.parametrize(
        ("fields", "key"),
        [
            ({"storageKey": KEY, "filepath": "https://cdn.example/whatever"}, KEY),
            ({"filepath": f"https://b.s3.eu-west-1.amazonaws.com/{KEY}?{SIGNED}"}, KEY),
            ({"filepath": f"https://s3.amazonaws.com/bucket/{KEY}?{SIGNED}"}, KEY),
            ({"filepath": f"http://minio:9000/base/bucket/{KEY}?{SIGNED}"}, KEY),
            ({"filepath": f"/{KEY}"}, KEY),
            ({"filepath": f"https://b.s3.amazonaws.com/images/{ADA}/a%20b%23.png"}, f"images/{ADA}/a b#.png"),
            ({"filepath": f"https://b.s3.amazonaws.com/t/acme/{KEY}"}, f"t/acme/{KEY}"),
            ({"storageKey": f"r/eu-west-1/t/acme/{KEY}"}, f"r/eu-west-1/t/acme/{KEY}"),
            ({"storageKey": f"i/{KEY}"}, f"i/{KEY}"),
            ({"filepath": f"https://acct.blob.core.windows.net/files/{KEY}?manual=true"}, KEY),
            (
                {"filepath": f"https://firebasestorage.googleapis.com/v0/b/x/o/images%2F{ADA}%2Fa?alt=media"},
                f"images/{ADA}/a",
            ),
            ({"storageKey": f"avatars/{ADA}/avatar-1.png"}, f"avatars/{ADA}/avatar-1.png"),
            # Another user's, another directory, a way out, a server's own secret.
            ({"storageKey": f"images/{BOB}/a"}, None),
            ({"storageKey": f"images/{ADA}/../{BOB}/a"}, None),
            ({"filepath": f"https://x/images/{BOB}/images/{ADA}/a"}, None),
            ({"filepath": f"https://x/images/{ADA}%2F..%2F..%2Fsecret"}, None),
            ({"filepath": f"https://x/backups/{ADA}/a"}, None),
            ({"filepath": "http://169.254.169.254/latest/meta-data/"}, None),
            ({"storageKey": f"images/{ADA}/a\nb"}, None),
            ({"storageKey": f"images/{ADA}/" + "a" * 1024}, None),
            ({"storageKey": f"images/{ADA}/"}, None),
            # Where a key begins would be looked for at each of its parts.
            ({"filepath": "https://x/" + f"images/{BOB}/" * 200 + f"images/{ADA}/a"}, None),
            ({"filepath": "https://[broken"}, None),
            ({"filepath": 7}, None),
            ({}, None),
        ],
    )
    def test_are_only_of_the_layout_and_the_records_own_user(
        self, fields: dict[str, Any], key: str | None
    ) -> None:
        assert key_of({"user": ADA, "source": "s3", **fields}) == key

    @pytest.mark.parametrize(
        ("address", "shown"),
        [
            (
                f"https://b.s3.amazonaws.com/avatars/{ADA}/avatar-1.png?{SIGNED}",
                f"/images/{ADA}/avatar-1.png",
            ),
            (
                f"https://acct.blob.core.windows.net/files/images/{ADA}/avatar-1.png?manual=true",
                f"/images/{ADA}/avatar-1.png",
            ),
            (f"https://b.s3.amazonaws.com/uploads/{ADA}/a", None),
            ("https://lh3.googleusercontent.com/a/abc=s96-c", None),
            (f"/images/{ADA}/avatar-1.png", None),
            (None, None),
        ],
    )
    def test_of_pictures_have_an_address_here(self, address: object, shown: str | None) -> None:
        assert shown_picture(address) == shown

    def test_nothing_is_fetched_from_an_address(
        self, make_store: MakeStore, s3: S3Server, azure: PlayedService
    ) -> None:
        """An address that names another host is read in our own bucket."""
        s3.put(f"images/{ADA}/old.txt", b"LibreChat's")
        before = len(azure.asked)
        record = {"user": ADA, "source": "s3", "filepath": f"{azure.url}/images/{ADA}/old.txt?{SIGNED}"}
        assert content_of(make_store("local"), record) == b"LibreChat's"
        assert len(azure.asked) == before

    def test_of_cloudfront_are_those_of_its_bucket(self, make_store: MakeStore, s3: S3Server) -> None:
        s3.put(f"i/t/acme/images/{ADA}/cdn.txt", b"from a distribution")
        record = {"user": ADA, "source": "cloudfront", "storageKey": f"i/t/acme/images/{ADA}/cdn.txt"}
        assert content_of(make_store("local"), record) == b"from a distribution"


class TestFailures:
    @pytest.mark.parametrize("source", ["azure_blob", "firebase"])
    def test_of_a_service_are_told_from_files_that_are_not_there(
        self, make_store: MakeStore, azure: PlayedService, firebase: PlayedService, source: str
    ) -> None:
        store = make_store(source)
        record = record_of(store.save(ADA, upload(TEXT)))
        service = azure if source == "azure_blob" else firebase
        service.broken = True
        try:
            for failing in (
                lambda: store.save(ADA, upload(TEXT)),
                lambda: store.find(record),
                lambda: store.delete_elsewhere(record),
                lambda: store.delete_all(ADA),
                store.probe_clouds,
            ):
                with pytest.raises(ServiceUnavailable) as caught:
                    failing()
                assert caught.value.code == "file_service_failed"
                assert caught.value.headers["Retry-After"] == "10"
                assert "canary" not in caught.value.message
            # A record that has gone is not brought back.
            store.delete(record)
        finally:
            service.broken = False
        store.probe_clouds()
        assert content_of(store, record) == TEXT

    @pytest.mark.parametrize(("start", "given"), [(0, TEXT[:4]), (5, None)])
    def test_a_service_that_sends_all_for_some_bytes_gives_no_wrong_ones(
        self, make_store: MakeStore, firebase: PlayedService, start: int, given: bytes | None
    ) -> None:
        found = make_store("firebase").find(record_of(make_store("firebase").save(ADA, upload(TEXT))))
        assert isinstance(found, CloudObject)
        firebase.whole = True
        try:
            if given is not None:
                assert found.cloud.read(found.key, start, 4) == given
            else:
                with pytest.raises(ServiceUnavailable):
                    found.cloud.read(found.key, start, 4)
        finally:
            firebase.whole = False

    @pytest.mark.parametrize("answer", [b"[]", b"{", b'{"size": "x"}', b'{"a": "' + b"x" * 2000 + b'"}'])
    def test_what_a_service_says_may_be_anything(
        self, make_store: MakeStore, firebase: PlayedService, monkeypatch: pytest.MonkeyPatch, answer: bytes
    ) -> None:
        monkeypatch.setattr("echo.files.cloud.firebase.ANSWER_BYTES", 1000)
        store = make_store("firebase")
        record = record_of(store.save(ADA, upload(TEXT)))
        firebase.says = answer
        try:
            with pytest.raises(ServiceUnavailable):
                store.find(record)
        finally:
            firebase.says = None

    def test_a_service_that_hangs_is_waited_for_a_while_and_then_left_alone(
        self, make_store: MakeStore, s3: S3Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(object_stores, "REQUEST_SECONDS", 0.3)
        monkeypatch.setattr("echo.files.cloud.service.SLOW_SECONDS", 0.2)
        store = make_store("s3")
        record = record_of(store.save(ADA, upload(TEXT)))
        with s3.hanging(), pytest.raises(ServiceUnavailable):
            store.find(record)
        # It answers again, and is not asked.
        with pytest.raises(ServiceUnavailable):
            store.find(record)

    def test_the_pause_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("echo.files.cloud.service.SLOW_SECONDS", 0.0)
        monkeypatch.setattr("echo.files.cloud.service.PAUSE_SECONDS", 0.0)
        calls = Calls("s3")
        with pytest.raises(ServiceUnavailable), calls.call(OSError):
            raise OSError
        with calls.call(OSError):
            pass

    def test_other_errors_pass(self) -> None:
        with pytest.raises(KeyError), Calls("s3").call(OSError):
            raise KeyError
        with pytest.raises(ApiError), Calls("s3").call(OSError):
            raise NotFound


class TestMoving:
    def test_by_two_at_once_loses_nothing(self, make_store: MakeStore, app_database: Database) -> None:
        store = make_store("s3")
        here = make_store("local").save(ADA, upload(TEXT)).record
        files = app_database.collection("files")
        made = files.insert_one({**here, "user": ObjectId(ADA)}).inserted_id

        class Overtaken(MovingFiles):
            def move(self, file: MovableFile, place: Mapping[str, Any]) -> bool:
                """Another run has done it meanwhile."""
                assert FileMover(store, MovingFiles(app_database), "s3").run()["moved"] == 1
                return super().move(file, place)

        outcome = FileMover(store, Overtaken(app_database), "s3").run()
        record = files.find_one_and_delete({"_id": made}) or {}
        assert (outcome["changed"], record["source"]) == (1, "s3")
        assert content_of(store, {**record, "user": ADA}) == TEXT

    def test_from_a_distribution_to_its_own_bucket_keeps_the_file(
        self, make_store: MakeStore, app_database: Database, s3: S3Server
    ) -> None:
        """CloudFront's files are those of its bucket: the copy lies where the file lay."""
        key = f"images/{ADA}/cdn-moved.png"
        s3.put(key, b"from a distribution")
        files = app_database.collection("files")
        record = {"user": ObjectId(ADA), "source": "cloudfront", "storageKey": key, "filepath": f"/{key}"}
        made = files.insert_one(record).inserted_id
        assert FileMover(make_store("s3"), MovingFiles(app_database), "s3").run()["moved"] == 1
        assert (files.find_one_and_delete({"_id": made}) or {})["source"] == "s3"
        assert s3.get(key).content == b"from a distribution"

    @pytest.mark.parametrize("to", ["azure_blob", "firebase", "s3"])
    def test_of_pictures_goes_to_every_service_and_back(
        self, make_store: MakeStore, app_database: Database, to: str
    ) -> None:
        store, owner = make_store(to, avatar="local"), ObjectId()
        kept = store.keep_picture(str(owner), "avatar-1.png", b"png")
        users, records = app_database.collection("users"), MovingPictures(app_database)
        users.insert_one({"_id": owner, "avatar": f"{kept.filepath}?manual=true"})
        try:
            assert PictureMover(store, records, to).run()["moved"] == 1
            address = (users.find_one({"_id": owner}) or {})["avatar"]
            assert ("://" in address, address.endswith("?manual=true")) == (
                (True, True) if to != "s3" else (False,) * 2
            )
            assert isinstance(store.find_picture(str(owner), "avatar-1.png"), CloudObject)
            assert PictureMover(store, records, to).run()["moved"] == 0
            assert PictureMover(store, records, "local").run()["moved"] == 1
            assert isinstance(store.find_picture(str(owner), "avatar-1.png"), Path)
            assert store.delete_all(str(owner)).files == 1
        finally:
            users.delete_one({"_id": owner})

    def test_of_a_picture_that_was_drawn_anew_meanwhile_changes_nothing(
        self, make_store: MakeStore, app_database: Database
    ) -> None:
        store, owner = make_store("s3", avatar="local"), ObjectId()
        kept = store.keep_picture(str(owner), "avatar-1.png", b"png")
        users = app_database.collection("users")
        users.insert_one({"_id": owner, "avatar": kept.filepath})

        class Overtaken(MovingPictures):
            def move(self, picture: MovablePicture, address: str, source: str) -> bool:
                """The user has another one by now."""
                users.update_one({"_id": owner}, {"$set": {"avatar": "new"}})
                return super().move(picture, address, source)

        try:
            assert PictureMover(store, Overtaken(app_database), "s3").run()["changed"] == 1
            assert isinstance(store.find_picture(str(owner), "avatar-1.png"), Path)
        finally:
            users.delete_one({"_id": owner})


class TestWithoutTheService:
    def test_a_file_there_is_not_found(self, tmp_path: Path) -> None:
        store = FileStore(tmp_path / "files", max_bytes=1000, max_pixels=1000)
        record = {"user": ADA, "source": "s3", "storageKey": KEY, "filepath": f"/{KEY}"}
        assert store.sources == ()
        with pytest.raises(NotFound):
            store.find(record)
        assert store.sign(record) is None
        store.delete(record)
