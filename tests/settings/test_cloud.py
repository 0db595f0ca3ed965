"""Where files go, and what is said where that cannot be."""

from pathlib import Path
from typing import Any

import pytest

from echo.settings import SettingsError, load_settings
from echo.settings import cloud_reading as reading
from echo.settings.cloud import AzureSettings, CloudSettings, FirebaseSettings, S3Settings

S3 = {"AWS_BUCKET_NAME": "b", "AWS_REGION": "eu-west-1"}
AZURE = {
    "AZURE_STORAGE_CONNECTION_STRING": "AccountName=acct;AccountKey=a2V5PQ==;EndpointSuffix=core.windows.net"
}
FIREBASE = {"FIREBASE_STORAGE_BUCKET": "f"}


def cloud(tmp_path: Path, environ: dict[str, str], yaml: str = "") -> CloudSettings:
    config = tmp_path / "librechat.yaml"
    config.write_text(f"version: 1.3.5\n{yaml}")
    return load_settings({"ECHO_DATA_DIR": str(tmp_path), **environ}, config_file=config).cloud


@pytest.mark.parametrize(
    ("environ", "yaml", "kinds"),
    [
        ({}, "", ("local", "local", "local")),
        (S3, "", ("local", "local", "local")),
        (S3, "fileStrategy: s3", ("s3", "s3", "s3")),
        ({**S3, "CDN_PROVIDER": "s3"}, "", ("s3", "s3", "s3")),
        ({**S3, "CDN_PROVIDER": "s3"}, "fileStrategy: local", ("local", "local", "local")),
        (S3, "fileStrategies: {image: s3}", ("local", "s3", "local")),
        (
            {**S3, **AZURE},
            "fileStrategy: s3\nfileStrategies: {document: azure_blob}",
            ("s3", "s3", "azure_blob"),
        ),
        (FIREBASE, "fileStrategies: {default: firebase, avatar: local}", ("local", "firebase", "firebase")),
        # The same bucket, and the same keys.
        (S3, "fileStrategy: cloudfront", ("s3", "s3", "s3")),
    ],
)
def test_librechats_order_holds(
    tmp_path: Path, environ: dict[str, str], yaml: str, kinds: tuple[str, ...]
) -> None:
    found = cloud(tmp_path, environ, yaml)
    assert (found.avatar, found.image, found.document) == kinds


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (S3, S3Settings("b", "eu-west-1")),
        ({"AWS_REGION": "eu-west-1"}, None),
        (
            {
                **S3,
                "AWS_ENDPOINT_URL": "http://minio:9000/",
                "AWS_FORCE_PATH_STYLE": "true",
                "S3_URL_EXPIRY_SECONDS": "60",
            },
            S3Settings("b", "eu-west-1", "http://minio:9000", force_path_style=True, url_seconds=60),
        ),
        (
            {**S3, "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"},
            S3Settings("b", "eu-west-1", None, "k", "s"),
        ),
        # Half of a key is none.
        ({**S3, "AWS_ACCESS_KEY_ID": "k"}, S3Settings("b", "eu-west-1")),
        (AZURE, AzureSettings("files", "acct", "https://acct.blob.core.windows.net", "a2V5PQ==")),
        (
            {"AZURE_STORAGE_ACCOUNT_NAME": "acct", "AZURE_CONTAINER_NAME": "c"},
            AzureSettings("c", "acct", "https://acct.blob.core.windows.net"),
        ),
        (
            {
                "AZURE_STORAGE_CONNECTION_STRING": "BlobEndpoint=https://a.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=x"
            },
            AzureSettings("files", "a", "https://a.blob.core.windows.net", None, "sv=1&sig=x"),
        ),
        (FIREBASE, FirebaseSettings("f")),
    ],
)
def test_the_services_are_librechats_variables(
    tmp_path: Path, environ: dict[str, str], expected: Any
) -> None:
    found = cloud(tmp_path, environ)
    services = [each for each in (found.s3, found.azure, found.firebase) if each is not None]
    assert services == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("environ", "yaml", "said"),
    [
        ({}, "fileStrategy: s3", "fileStrategy is s3, for which AWS_BUCKET_NAME and AWS_REGION must be set."),
        ({}, "fileStrategy: nowhere", "must be one of local, s3, azure_blob, firebase, cloudfront"),
        ({"CDN_PROVIDER": "nowhere"}, "", "CDN_PROVIDER must be one of"),
        (
            {"AZURE_STORAGE_CONNECTION_STRING": "canary"},
            "",
            "AZURE_STORAGE_CONNECTION_STRING must name an account",
        ),
        (
            {**S3, "AWS_ENDPOINT_URL": "minio:9000"},
            "",
            "AWS_ENDPOINT_URL must begin with http:// or https://.",
        ),
        ({"S3_URL_EXPIRY_SECONDS": "604801"}, "", "S3_URL_EXPIRY_SECONDS must be from 1 to 604800."),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, environ: dict[str, str], yaml: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        cloud(tmp_path, environ, yaml)
    assert said in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_library_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "is_missing", lambda source: source == "s3")
    with pytest.raises(SettingsError, match=r'which needs: pip install "echo-api\[s3\]"'):
        cloud(tmp_path, S3, "fileStrategy: s3")
    notices = load_settings({"ECHO_DATA_DIR": str(tmp_path), **S3}).notices
    assert 'Files in s3 cannot be read: pip install "echo-api[s3]".' in notices


def test_secrets_are_in_no_text() -> None:
    shown = repr(
        CloudSettings(
            s3=S3Settings("b", "r", None, "k", "canary"), azure=AzureSettings("c", "a", "u", "canary")
        )
    )
    assert "canary" not in shown
