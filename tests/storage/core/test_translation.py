"""What each of the driver's errors means to those who called, and which of them may be tried again."""

import pytest
from bson.errors import BSONError
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidOperation,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteError,
    WTimeoutError,
)

from storage.core.errors import AccessDenied, Conflict, InvalidDocument, StorageFull, Unavailable, Uncertain
from storage.core.translation import conflicting_field, field_of, translated, was_not_sent

# The server's own table of codes, https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml.
OF_A_QUERY = {
    InvalidDocument: {15, 22, 52, 53, 54, 55, 56, 57, 66, 388, 10334, 17280, 17419, 17420},
    Unavailable: {6, 7, 24, 89, 91, 112, 133, 134, 189, 202, 251, 317, 365, 9001}
    | {10107, 11600, 11602, 13435, 13436},
    Uncertain: {50, 64, 262, 290},
    StorageFull: {14031},
    AccessDenied: {13, 18, 8000},
}
NOT_OURS_TO_EXPLAIN = (1, 2, 9, 14, 26, 51, 58, 96, 11000)


def raised_for(error: Exception) -> Exception:
    with pytest.raises(Exception) as caught, translated():  # noqa: PT011 - which one is what is asked
        raise error
    return caught.value


def labelled(error: PyMongoError, label: str) -> PyMongoError:
    error._add_error_label(label)
    return error


class TestFailures:
    @pytest.mark.parametrize(
        ("code", "kind"),
        [(code, kind) for kind, codes in OF_A_QUERY.items() for code in sorted(codes)],
    )
    def test_of_a_query_and_of_a_write_mean_what_their_code_says(
        self, code: int, kind: type[Exception]
    ) -> None:
        for failure in (OperationFailure("so it said", code), WriteError("so it said", code)):
            meant = raised_for(failure)
            assert type(meant) is kind
            assert str(failure) in str(meant)
            assert meant.__cause__ is failure

    @pytest.mark.parametrize("code", NOT_OURS_TO_EXPLAIN)
    def test_that_mean_nothing_to_us_stay_as_they_are(self, code: int) -> None:
        failure = OperationFailure("a mistake of ours", code)
        assert raised_for(failure) is failure

    @pytest.mark.parametrize("code", [2, 9, 14])
    def test_of_a_write_may_speak_of_the_document(self, code: int) -> None:
        assert type(raised_for(WriteError("bad value", code))) is InvalidDocument

    def test_of_a_transaction_may_pass(self) -> None:
        failure = labelled(OperationFailure("conflict", 112_000), "TransientTransactionError")
        meant = raised_for(failure)
        assert type(meant) is Unavailable
        assert "conflict" in str(meant)

    def test_with_another_label_stay_as_they_are(self) -> None:
        failure = labelled(OperationFailure("conflict", 112_000), "RetryableWriteError")
        assert raised_for(failure) is failure


class TestErrorsOfTheDriver:
    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (DocumentTooLarge("17 MB"), InvalidDocument),
            (BSONError("no such type"), InvalidDocument),
            (OverflowError("9 EB"), InvalidDocument),
            ("\ud800", InvalidDocument),
            (RecursionError("deep"), InvalidDocument),
            (ConfigurationError("no primary"), Unavailable),
            (InvalidOperation("closed"), Unavailable),
            (ServerSelectionTimeoutError("nobody"), Unavailable),
            (WaitQueueTimeoutError("no connection is free"), Unavailable),
            (AutoReconnect("cut"), Uncertain),
            (NetworkTimeout("late"), Uncertain),
            (NotPrimaryError("stepped down"), Uncertain),
            (ExecutionTimeout("late", 50), Uncertain),
            (WTimeoutError("not everywhere", 64), Uncertain),
        ],
        ids=lambda each: type(each).__name__ if isinstance(each, Exception) else None,
    )
    def test_mean(self, error: Exception | str, kind: type[Exception]) -> None:
        if isinstance(error, str):
            with pytest.raises(UnicodeEncodeError) as caught:
                error.encode()
            error = caught.value
        meant = raised_for(error)
        assert type(meant) is kind
        assert str(meant) == str(error)
        assert meant.__cause__ is error

    def test_that_are_none_pass(self) -> None:
        error = KeyError("ours")
        assert raised_for(error) is error

    def test_there_may_be_none(self) -> None:
        with translated():
            pass


class TestWhetherItWasSent:
    @pytest.mark.parametrize("kind", [ServerSelectionTimeoutError, WaitQueueTimeoutError])
    def test_not_without_a_server_or_a_connection(self, kind: type[PyMongoError]) -> None:
        assert was_not_sent(kind("nobody"))

    @pytest.mark.parametrize("kind", [AutoReconnect, NetworkTimeout])
    def test_maybe_once_there_was_a_connection(self, kind: type[PyMongoError]) -> None:
        assert not was_not_sent(kind("cut"))

    def test_maybe_where_a_commit_was_sent_before(self) -> None:
        error = labelled(ServerSelectionTimeoutError("nobody"), "UnknownTransactionCommitResult")
        assert not was_not_sent(error)
        assert type(raised_for(error)) is Uncertain

    def test_not_with_another_label(self) -> None:
        assert was_not_sent(labelled(ServerSelectionTimeoutError("nobody"), "TransientTransactionError"))


class TestConflicts:
    @pytest.mark.parametrize(
        ("details", "field"),
        [
            ({"keyPattern": {"email": 1}}, "email"),
            ({"keyPattern": {"user": 1, "messageId": 1}}, "messageId"),
            ({"keyPattern": {"messageId": 1, "user": 1}}, "messageId"),
            ({"keyPattern": {"email": 1, "tenantId": 1}}, "email"),
            ({"keyPattern": {"tenantId": 1, "user": 1, "_id": 1, "file_id": 1}}, "file_id"),
            ({"keyPattern": {"name": 1, "kind": 1}}, "name"),
            ({"keyPattern": {"_id": 1}}, "_id"),
            ({"keyPattern": {"user": 1, "tenantId": 1}}, "_id"),
            ({"keyPattern": {}}, "_id"),
            ({}, "_id"),
        ],
    )
    def test_name_the_field_and_never_the_owner(self, details: dict[str, dict[str, int]], field: str) -> None:
        assert field_of(details) == field
        error = DuplicateKeyError("E11000", 11000, details)
        assert conflicting_field(error) == field
        meant = raised_for(error)
        assert isinstance(meant, Conflict)
        assert (meant.field, meant.__cause__) == (field, error)

    @pytest.mark.parametrize("error", [DuplicateKeyError("E11000"), PyMongoError("without details")])
    def test_without_details_are_about_the_id(self, error: PyMongoError) -> None:
        assert conflicting_field(error) == "_id"


class TestSeveralWrites:
    def test_mean_what_the_first_refused_one_means(self) -> None:
        refused = [
            {"code": 11000, "keyPattern": {"user": 1, "messageId": 1}, "errmsg": "E11000"},
            {"code": 50, "errmsg": "late"},
        ]
        meant = raised_for(BulkWriteError({"writeErrors": refused, "writeConcernErrors": [{"code": 64}]}))
        assert isinstance(meant, Conflict)
        assert meant.field == "messageId"

    @pytest.mark.parametrize(
        ("code", "kind"),
        [(2, InvalidDocument), (10334, InvalidDocument), (50, Uncertain), (14031, StorageFull)],
    )
    def test_are_of_a_write(self, code: int, kind: type[Exception]) -> None:
        meant = raised_for(BulkWriteError({"writeErrors": [{"code": code, "errmsg": "what it said"}]}))
        assert type(meant) is kind
        assert str(meant).startswith("what it said")

    def test_may_be_stored_and_not_yet_everywhere(self) -> None:
        late = {"writeErrors": [], "writeConcernErrors": [{"code": 64, "errmsg": "waiting for replication"}]}
        meant = raised_for(BulkWriteError(late))
        assert type(meant) is Uncertain
        assert "waiting for replication" in str(meant)

    def test_that_mean_nothing_to_us_keep_their_details(self) -> None:
        meant = raised_for(BulkWriteError({"writeErrors": [{"code": 51, "errmsg": "odd"}]}))
        assert isinstance(meant, WriteError)
        assert (meant.code, meant.details) == (51, {"code": 51, "errmsg": "odd"})

    def test_without_any_failure_stay_as_they_are(self) -> None:
        error = BulkWriteError({"writeErrors": []})
        assert raised_for(error) is error

    def test_may_pass_in_a_transaction(self) -> None:
        one = {"code": 251_000, "errmsg": "conflict", "errorLabels": ["TransientTransactionError"]}
        assert type(raised_for(BulkWriteError({"writeErrors": [one]}))) is Unavailable
