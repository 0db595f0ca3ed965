import unicodedata

import pytest

from echo.files.names import shown_name, suffix_of


class TestShownName:
    @pytest.mark.parametrize(
        ("sent", "shown"),
        [
            ("note.txt", "note.txt"),
            ("../../etc/passwd", "passwd"),
            ("/etc/passwd", "passwd"),
            ("C:\\Windows\\win.ini", "win.ini"),
            ("..\\..\\x/../a.txt", "a.txt"),
            (".env", ".env"),
            ("  spaced name .txt ", "spaced name .txt"),
        ],
    )
    def test_is_the_last_part_of_a_path(self, sent: str, shown: str) -> None:
        assert shown_name(sent) == shown

    @pytest.mark.parametrize("sent", ["", " ", ".", "..", "...", "/", "a/", "..\\", "\x00", "\u202e", "\r\n"])
    def test_of_nothing_is_file(self, sent: str) -> None:
        assert shown_name(sent) == "file"

    @pytest.mark.parametrize(
        "unseen",
        ["\x00", "\r\n", "\x1b", "\x7f", "\x85", "\u202e", "\u2066", "\u200f", "\u2028", "\ud800", "\ufeff"],
    )
    def test_loses_what_cannot_be_seen(self, unseen: str) -> None:
        assert shown_name(f"a{unseen}b.txt") == "ab.txt"

    @pytest.mark.parametrize("sent", ["Übergröße.pdf", "文書.txt", "می\u200cروم.txt", "👩\u200d💻.png"])
    def test_keeps_any_script(self, sent: str) -> None:
        assert shown_name(sent) == sent

    def test_is_in_composed_form(self) -> None:
        assert shown_name(unicodedata.normalize("NFD", "Größe.txt")) == "Größe.txt"

    @pytest.mark.parametrize("sent", ["x" * 1000 + ".txt", "文" * 400 + ".txt", "é" * 128 + ".txt"])
    def test_is_shortened_before_its_suffix(self, sent: str) -> None:
        shown = shown_name(sent)
        assert 250 <= len(shown.encode()) <= 255
        assert shown.endswith(".txt")

    @pytest.mark.parametrize("sent", ["a." + "x" * 1000, "." + "x" * 1000, "x" * 1000])
    def test_is_shortened_where_it_has_no_true_suffix(self, sent: str) -> None:
        assert len(shown_name(sent).encode()) == 255

    @pytest.mark.parametrize("length", [254, 255])
    def test_of_at_most_255_bytes_stays(self, length: int) -> None:
        assert shown_name("x" * length) == "x" * length


@pytest.mark.parametrize(("name", "suffix"), [("a.TXT", "txt"), ("a.tar.gz", "gz"), ("py", ""), ("a.", "")])
def test_the_suffix_follows_the_last_dot(name: str, suffix: str) -> None:
    assert suffix_of(name) == suffix
