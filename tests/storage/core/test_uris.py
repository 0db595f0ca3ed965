"""URIs that were written for another driver."""

from pathlib import Path

import pytest

from storage.core.database import Database
from storage.core.uris import UnusableUri, Uri, read_uri

# What Node's driver has taken, in this or an earlier version, and pymongo does not.
OF_NODE = (
    *("useNewUrlParser", "useUnifiedTopology", "useCreateIndex", "useFindAndModify", "keepAlive"),
    *(
        "keepAliveInitialDelay",
        "poolSize",
        "autoReconnect",
        "reconnectTries",
        "reconnectInterval",
        "bufferMaxEntries",
    ),
    *(
        "ha",
        "haInterval",
        "acceptableLatencyMS",
        "secondaryAcceptableLatencyMS",
        "noDelay",
        "family",
        "sslValidate",
    ),
    *(
        "sslCA",
        "sslCert",
        "sslKey",
        "sslPass",
        "sslCRL",
        "checkServerIdentity",
        "forceServerObjectId",
        "serializeFunctions",
    ),
    *(
        "ignoreUndefined",
        "raw",
        "promoteLongs",
        "promoteValues",
        "promoteBuffers",
        "bsonRegExp",
        "useBigInt64",
    ),
    *(
        "loggerLevel",
        "logger",
        "validateOptions",
        "domainsEnabled",
        "numberOfRetries",
        "auto_reconnect",
        "enableUtf8Validation",
    ),
    *(
        "monitorCommands",
        "noDelayy",
        "minHeartbeatFrequencyMS",
        "minSize",
        "maxStalenessMS",
        "autoEncryption",
        "gssapiServiceName",
    ),
)


@pytest.mark.parametrize("name", OF_NODE)
def test_options_of_node_are_left_out_and_named(name: str) -> None:
    uri = f"mongodb://u:p@h:1/db?retryWrites=true&{name}=true&w=majority"
    assert read_uri(uri) == Uri("mongodb://u:p@h:1/db?retryWrites=true&w=majority", (name,))
    Database(uri).close()


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("mongodb://h/db?retryWrites=true&", "mongodb://h/db?retryWrites=true"),
        ("mongodb://h/db?&w=1&&retryWrites=true", "mongodb://h/db?w=1&retryWrites=true"),
        ("mongodb://h/db?", "mongodb://h/db?"),
        ("mongodb://h/db", "mongodb://h/db"),
        ("mongodb://h?w=1&", "mongodb://h?w=1"),
        ("mongodb://h/?w=1;retryWrites=true;", "mongodb://h/?w=1;retryWrites=true"),
        ("mongodb://%2Ftmp%2Fm.sock/db?journal=true&", "mongodb://%2Ftmp%2Fm.sock/db?journal=true"),
        (
            "mongodb+srv://u:p@h/db?retryWrites=true&srvMaxHosts=2&",
            "mongodb+srv://u:p@h/db?retryWrites=true&srvMaxHosts=2",
        ),
        ("mongodb://h/db?appName=a@b", "mongodb://h/db?appName=a@b"),
    ],
)
def test_what_is_nothing_is_left_out(uri: str, text: str) -> None:
    assert read_uri(uri) == Uri(text)


def test_only_unknown_ones_leave_none() -> None:
    assert read_uri("mongodb://h/db?keepAlive=1&").text == "mongodb://h/db"


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("tls=ture", "tls has a value that it cannot have"),
        ("maxPoolSize=many", "maxPoolSize has a value that it cannot have"),
        ("readPreference=nearby", "readPreference has a value that it cannot have"),
        ("authMechanism=CANARY", "authMechanism has a value that it cannot have"),
        ("retryWrites=maybe", "retryWrites has a value that it cannot have"),
        ("authSource", "authSource has no value"),
        ("tlsCAFile=/nowhere/ca.pem", "tlsCAFile names a file /nowhere/ca.pem that cannot be read"),
        ("tlsCertificateKeyFile=/no.pem", "tlsCertificateKeyFile names a file /no.pem that cannot be read"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(option: str, reason: str) -> None:
    with pytest.raises(UnusableUri) as refused:
        read_uri(f"mongodb://u:secret@h/db?{option}&w=1")
    assert str(refused.value) == reason
    with pytest.raises(UnusableUri):
        Database(f"mongodb://u:secret@h/db?{option}&w=1")


def test_a_file_that_is_there_is_taken(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x", encoding="utf-8")
    uri = f"mongodb://h/db?tls=true&tlsCAFile={tmp_path}/ca.pem"
    assert read_uri(uri) == Uri(uri)


@pytest.mark.parametrize("uri", ["mongodb://u:pa/ss?canary=1@h/db", "mongodb://u:pa?canary@h/db?w=1"])
def test_a_part_of_a_password_is_never_shown(uri: str) -> None:
    assert read_uri(uri) == Uri(uri)


def test_odd_names_are_not_shown() -> None:
    assert read_uri("mongodb://h/db?a%20b=1").ignored == ("an option without a proper name",)


def test_an_address_in_an_option_is_none_of_the_uris() -> None:
    assert read_uri("mongodb://h/db?appName=x://y&canary=1") == Uri(
        "mongodb://h/db?appName=x://y", ("canary",)
    )
