"""What the errors of repositories say of themselves."""

from storage.core.errors import Conflict, InvalidDocument, TooMany


def test_errors_have_their_fields_and_a_sentence() -> None:
    conflict, invalid, many = Conflict("email"), InvalidDocument("17 MB"), TooMany("tags", 3)
    assert (conflict.field, str(conflict)) == ("email", "email is already taken")
    assert (invalid.reason, str(invalid)) == ("17 MB", "17 MB")
    assert (many.kind, many.most, str(many)) == ("tags", 3, "there are 3 tags already")
