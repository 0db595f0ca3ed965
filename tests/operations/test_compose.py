"""compose.yaml says what it should, and its one script does what it should."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import ComposeSpecification, PyCompose
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from echo.serving.worker import GRACEFUL_SECONDS
from tests.operations.conftest import ROOT, Deployment

TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EACH = pytest.mark.parametrize("name", SERVICES)


def seconds(duration: str) -> int:
    assert re.fullmatch(r"\d+s", duration)
    return int(duration[:-1])


def parse(text: str) -> None:
    """Read the file as Compose does, with variables put in; raises `ValueError` for one that is none."""
    filled = re.sub(r"\$\{\w+(?::-([^}]*)|:\?[^}]*)?\}", lambda found: found[1] or "filled", text)
    ComposeSpecification.model_validate(yaml.safe_load(filled))
    parsed = PyCompose.from_yaml(filled)
    parsed.validate()
    parsed.validate_networks()
    parsed.validate_volumes()


class TestTheFile:
    def test_is_a_compose_file(self) -> None:
        parse(TEXT)

    @pytest.mark.parametrize(
        ("right", "wrong"), [("networks: [database]", "networks: [elsewhere]"), ("read_only:", "read_onl:")]
    )
    def test_would_be_refused_if_it_were_none(self, right: str, wrong: str) -> None:
        with pytest.raises(ValueError, match=r"elsewhere|read_onl"):
            parse(TEXT.replace(right, wrong))

    def test_keeps_only_in_volumes_that_it_declares(self) -> None:
        named = {volume.partition(":")[0] for service in SERVICES.values() for volume in service["volumes"]}
        assert {name for name in named if not name.startswith("./")} == set(COMPOSE["volumes"])

    def test_has_no_secret_and_no_default_for_one(self) -> None:
        variables = dict(re.findall(r"\$\{(\w+)(:[^}]*)?\}", TEXT))
        secret = {name: rest for name, rest in variables.items() if re.search("SECRET|PASSWORD", name)}
        assert set(secret) == {"JWT_SECRET", "JWT_REFRESH_SECRET", "MONGO_ROOT_PASSWORD", "ECHO_DB_PASSWORD"}
        assert all(rest.startswith(":?") for rest in secret.values()), "a missing one must end the start"


@EACH
class TestEachService:
    def test_can_do_no_more_than_it_must(self, name: str) -> None:
        service = SERVICES[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not service.keys() & {"privileged", "cap_add", "pid", "network_mode", "devices"}
        # Echo's image names its user itself.
        assert service.get("user", "999:999") == "999:999"

    def test_has_a_pinned_image(self, name: str) -> None:
        image = SERVICES[name]["image"]
        assert re.fullmatch(r"mongo:8\.\d+", image) or image == "echo-api:local"

    def test_cannot_fill_the_disk_with_logs(self, name: str) -> None:
        assert SERVICES[name]["logging"]["options"]["max-size"]


class TestEcho:
    def test_waits_for_the_replica_set(self) -> None:
        conditions = {name: on["condition"] for name, on in SERVICES["echo"]["depends_on"].items()}
        assert conditions == {"mongodb": "service_healthy", "mongodb-setup": "service_completed_successfully"}

    def test_has_time_to_finish_its_requests(self) -> None:
        assert seconds(SERVICES["echo"]["stop_grace_period"]) > GRACEFUL_SECONDS

    def test_is_asked_whether_it_is_ready(self) -> None:
        assert "/ready" in SERVICES["echo"]["healthcheck"]["test"][-1]

    def test_is_published_to_this_machine_only(self) -> None:
        assert SERVICES["echo"]["ports"] == ["${ECHO_PUBLISH:-127.0.0.1:3080}:3080"]

    def test_can_install_a_web_client_that_stays(self) -> None:
        service = SERVICES["echo"]
        assert "docker compose run --rm --no-deps echo web-client install" in TEXT
        assert (service["environment"]["ECHO_DATA_DIR"], service["volumes"]) == ("/data", ["echo:/data"])
        assert "public" in service["networks"]
        assert COMPOSE["networks"]["public"] is None, "it has a way out, to the registry"

    def test_does_not_get_the_root_password(self) -> None:
        assert SERVICES["echo"]["environment"]["MONGO_ROOT_PASSWORD"] == ""
        assert "root" not in SERVICES["echo"]["environment"]["MONGO_URI"]


class TestMongodb:
    def test_is_reachable_by_echo_only(self) -> None:
        assert "ports" not in SERVICES["mongodb"]
        assert SERVICES["mongodb"]["networks"] == ["database"]
        assert COMPOSE["networks"]["database"]["internal"] is True

    def test_keeps_its_data(self) -> None:
        kept = {volume.partition(":")[2] for volume in SERVICES["mongodb"]["volumes"]}
        assert kept == {"/data/db", "/data/configdb"}

    def test_makes_a_key_that_it_accepts(self, tmp_path: Path) -> None:
        [script] = SERVICES["mongodb"]["command"]
        key = tmp_path / "members.key"
        make = script.replace("/tmp/members.key", str(key)).partition("exec ")[0]
        subprocess.run([*SERVICES["mongodb"]["entrypoint"], make], check=True)
        # As MongoDB has it: 6 to 1024 base64 characters, readable by nobody else.
        assert re.fullmatch(r"[A-Za-z0-9+/=]{1000,1024}", key.read_text())
        assert key.stat().st_mode & 0o077 == 0


def set_up(mongosh: str, deployment: Deployment) -> subprocess.CompletedProcess[str]:
    """Run the script as the service `mongodb-setup` does."""
    service = SERVICES["mongodb-setup"]
    assert service["entrypoint"][0] == "mongosh"
    script = service["volumes"][0].partition(":")[0]
    return subprocess.run(
        [mongosh, *service["entrypoint"][1:-1], str(ROOT / script)],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(deployment.log.parent),
            "MONGO_HOST": deployment.host,
            "MONGO_ROOT_PASSWORD": deployment.root_password,
            "ECHO_DB_PASSWORD": deployment.echo_password,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class TestSetUp:
    def test_makes_a_replica_set_and_a_user_who_may_little(
        self, mongosh: str, deployment: Deployment
    ) -> None:
        run = set_up(mongosh, deployment)
        assert run.returncode == 0, run.stdout + run.stderr
        with MongoClient[dict[str, Any]](deployment.uri) as client:
            assert client.admin.command("hello")["setName"] == "rs0"
            with client.start_session() as session, session.start_transaction():
                client.LibreChat.users.insert_one({"name": "ada"}, session=session)
            assert client.LibreChat.users.count_documents({}) == 1
            with pytest.raises(OperationFailure, match="not authorized"):
                client.other.things.insert_one({})
            with pytest.raises(OperationFailure, match="not authorized"):
                client.admin.command("shutdown")
        again = set_up(mongosh, deployment)
        assert again.returncode == 0, again.stdout + again.stderr

    def test_fails_at_once_with_a_wrong_password(self, mongosh: str, deployment: Deployment) -> None:
        deployment.root_password = "wrong"
        run = set_up(mongosh, deployment)
        assert run.returncode != 0
        assert "Authentication failed" in run.stdout + run.stderr
