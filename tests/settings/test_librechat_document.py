"""Reading a YAML file, whatever it is."""

import time
from pathlib import Path

import pytest

from echo.settings import SettingsError
from echo.settings.librechat.document import MAX_BYTES, parse, read_document

LAUGHS = "\n".join(
    ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
)


class TestParsing:
    def test_gives_plain_data_as_yaml_1_2_means_it(self) -> None:
        text = "yes: no\nnumber: 0x10\nday: 2024-01-01\nrate: 1.5\non: true\nempty: ~\nlist: [a, 2]\n"
        assert parse(text, "f").data == {
            "yes": "no",
            "number": 16,
            "day": "2024-01-01",
            "rate": 1.5,
            "on": True,
            "list": ["a", 2],
        }

    def test_knows_the_line_of_every_key_and_item(self) -> None:
        document = parse("a:\n  b: 1\n  c:\n    - x\n    - y: 2\n", "f.yaml")
        assert document.where(("a", "c", 1, "y")) == "f.yaml, line 5: a.c.1.y"
        assert document.where(("a", "c", 0)) == "f.yaml, line 4: a.c.0"

    def test_what_is_missing_has_the_line_of_what_lacks_it(self) -> None:
        assert parse("a:\n  b: {c: 1}\n", "f.yaml").where(("a", "b", "d")) == "f.yaml, line 2: a.b.d"

    def test_follows_an_anchor_that_is_set_anew_and_says_nothing(
        self, recwarn: pytest.WarningsRecorder
    ) -> None:
        text = "a: &x 1\nb: *x\nc: &x 2\nd: *x\n"
        assert parse(text, "a.yaml").data == {"a": 1, "b": 1, "c": 2, "d": 2}
        assert not recwarn.list

    def test_follows_aliases_and_merges(self) -> None:
        text = "base: &base {k: 1, m: 2}\nuse: {<<: *base, k: 3}\nboth: {<<: [*base, {n: 4}]}\n"
        data = parse(text, "f").data
        assert data["use"] == {"k": 3, "m": 2}
        assert data["both"] == {"k": 1, "m": 2, "n": 4}

    def test_an_empty_file_is_an_empty_one(self) -> None:
        assert parse("# nothing\n", "f").data == {}


class TestBrokenFiles:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("a: 1\nb: 2\na: 3\n", "f.yaml, line 3: a stands on line 1 already."),
            ("a:\n  b: 1\n  b: 2\n", "f.yaml, line 3: a.b stands on line 2 already."),
            ("a:\n\t- b", "f.yaml, line 2: this is not YAML: there is a tab where only spaces may be."),
            ("a: [1", "f.yaml, line 1: this is not YAML"),
            ("a: 'x", "f.yaml, line 1: this is not YAML"),
            ("a: 1\n  b: 2\n", "f.yaml, line 2: this is not YAML"),
            ("- 1\n", "f.yaml, line 1: the file must hold keys with values."),
            ("just words", "f.yaml, line 1: the file must hold keys with values."),
            ("a: &a [*a]", "f.yaml holds too much"),
            (LAUGHS, "f.yaml holds too much"),
            ("a: &a\n  <<: *a\n", "f.yaml holds too much"),
            ("a: &a\n  <<: [{b: 1}, *a]\n", "f.yaml holds too much"),
            ("a: " + "[" * 5000, "f.yaml is nested too deeply."),
            (
                "a:\n  !!python/object/apply:os.system [x]",
                "line 2: a value has a tag that is not understood.",
            ),
            ("a: !secret x", "f.yaml, line 1: a value has a tag that is not understood."),
            ("a: \x00", "f.yaml: this is not YAML: there is a character"),
            ("b: *nope", "f.yaml, line 1: this is not YAML"),
            ("a: 1\n---\nb: 1\n", "f.yaml, line 2: this is not YAML"),
            ("? [a, b]\n: 1", "f.yaml, line 1: a key must be a word."),
            ("a: 1e999", "f.yaml, line 1: a number cannot be used."),
            ("a: 9223372036854775808", "f.yaml, line 1: a number cannot be used."),
            ("a: -" + "9" * 400, "f.yaml, line 1: a number cannot be used."),
            ("a: 1e300", "f.yaml, line 1: a number cannot be used."),
            ('a:\n  b: "\\ud800"', "f.yaml, line 2: a text holds what is no character."),
            ('"\\ud800": 1', "f.yaml, line 1: a text holds what is no character."),
            ("a: .nan", "f.yaml, line 1: a number cannot be used."),
            ("a: " + "9" * 6000, "f.yaml, line 1: a number cannot be used."),
            ("a: !!int ''", "f.yaml, line 1: a number cannot be used."),
            ("a:\n  <<: 5", "f.yaml, line 2: `<<` must be followed by a mapping."),
            ("%YAML 9.9\n---\na: 1", "f.yaml, line 1: this is not YAML"),
        ],
    )
    def test_are_refused_in_one_sentence_with_the_line(self, text: str, said: str) -> None:
        began = time.monotonic()
        with pytest.raises(SettingsError) as refused:
            parse(text, "f.yaml")
        assert said in str(refused.value)
        assert "\n" not in str(refused.value)
        assert str(refused.value).endswith(".")
        assert time.monotonic() - began < 5

    def test_every_fault_of_the_tree_is_told_at_once(self) -> None:
        with pytest.raises(SettingsError) as refused:
            parse("a: 1\na: 2\nb: !x y\n", "f.yaml")
        assert len(str(refused.value).splitlines()) == 2


class TestFiles:
    def test_that_are_huge_are_not_read(self, tmp_path: Path) -> None:
        path = tmp_path / "f.yaml"
        with path.open("wb") as file:
            file.truncate(50 * 1024 * 1024)
        with pytest.raises(SettingsError, match=f"more than {MAX_BYTES} bytes"):
            read_document(path)

    def test_that_are_not_there_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match=r"nowhere\.yaml cannot be read: No such file"):
            read_document(tmp_path / "nowhere.yaml")

    def test_that_are_directories_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="cannot be read"):
            read_document(tmp_path)

    def test_that_are_not_utf_8_are_refused_with_the_line(self, tmp_path: Path) -> None:
        path = tmp_path / "f.yaml"
        path.write_bytes(b"a: 1\nb: \xff\n")
        with pytest.raises(SettingsError, match=r"^f\.yaml, line 2: this is not UTF-8\.$"):
            read_document(path)

    def test_may_begin_with_a_byte_order_mark(self, tmp_path: Path) -> None:
        path = tmp_path / "f.yaml"
        path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
        assert read_document(path).data == {"a": 1, "b": 2}
