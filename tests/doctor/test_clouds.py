"""What `echo-api check` says of services with files."""

from pathlib import Path

from echo.doctor.clouds import check_clouds
from echo.doctor.findings import Examined
from tests.conftest import make_settings
from tests.support.clouds import S3Server

URI = "mongodb://127.0.0.1:1/unused"


def found(tmp_path: Path, *, offline: bool = False, **environ: str) -> list[tuple[str, str, str]]:
    settings = make_settings(URI, tmp_path, **environ)
    return [
        (each.about, each.status.value, each.what)
        for each in check_clouds(Examined(settings, offline=offline))
    ]


def test_a_file_is_written_read_and_removed(tmp_path: Path, s3: S3Server) -> None:
    about = "files in s3"
    assert found(tmp_path, **s3.environ) == [(about, "ok", "a file can be written, read and removed")]
    assert [key for key in s3.listed() if key.startswith("echo-check")] == []
    assert found(tmp_path, offline=True, **s3.environ) == [(about, "skipped", "the service is not asked")]
    assert found(tmp_path) == []


def test_what_fails_is_said(tmp_path: Path, s3: S3Server) -> None:
    """A failure where new files go there; a warning where only old ones may be there."""
    environ = {**s3.environ, "AWS_BUCKET_NAME": "echo-has-no-such"}
    what = "a file cannot be written; the log says why"
    assert found(tmp_path, **environ) == [("files in s3", "warning", what)]
    assert found(tmp_path, **environ, CDN_PROVIDER="s3") == [("files in s3", "failed", what)]
