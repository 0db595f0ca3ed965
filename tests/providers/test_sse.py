"""Server-sent events, cut in every way."""

import time

import pytest

from echo.providers.sse import EventParser, ServerEvent, TooLarge

STREAM = (
    "event: greeting\ndata: Grüß Gott, 世界 😀\n\n: comment\ndata:one\ndata: two\n\ndata\n\nid: 7\nretry: 1\n\n"
).encode()
EVENTS = [
    ServerEvent(b"greeting", "Grüß Gott, 世界 😀".encode()),
    ServerEvent(b"", b"one\ntwo"),
]
ENDS = {"LF": b"\n", "CR": b"\r", "CR LF": b"\r\n"}


def read(*chunks: bytes) -> list[ServerEvent]:
    parser = EventParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


@pytest.mark.parametrize("end", ENDS.values(), ids=list(ENDS))
class TestCutting:
    def test_in_two_at_every_byte_changes_nothing(self, end: bytes) -> None:
        stream = STREAM.replace(b"\n", end)
        for at in range(len(stream) + 1):
            assert read(stream[:at], stream[at:]) == EVENTS, at

    def test_into_single_bytes_changes_nothing(self, end: bytes) -> None:
        stream = STREAM.replace(b"\n", end)
        assert read(*(stream[at : at + 1] for at in range(len(stream)))) == EVENTS

    def test_into_three_changes_nothing(self, end: bytes) -> None:
        stream = STREAM[:60].replace(b"\n", end)
        whole = read(stream)
        for one in range(len(stream)):
            for two in range(one, len(stream)):
                assert read(stream[:one], stream[one:two], stream[two:]) == whole, (one, two)


class TestReading:
    @pytest.mark.parametrize(
        ("stream", "events"),
        [
            (b"data:  two blanks\n\n", [(b"", b" two blanks")]),
            (b"data: a\r\ndata: b\n\r\n", [(b"", b"a\nb")]),
            (b"\xef\xbb\xbfdata: after the mark\n\n", [(b"", b"after the mark")]),
            (b"data: \xef\xbb\xbf\n\n", [(b"", b"\xef\xbb\xbf")]),
            (b"event: only\n\ndata: x\n\n", [(b"", b"x")]),
            (b"event: a\nevent: b\ndata: x\n\n", [(b"b", b"x")]),
            (b"Data: x\n\ndata : y\n\nnonsense\n\n", []),
            (b":\n:\n\n\n\n", []),
            (b"data:\n\ndata\n\ndata: \n\ndata:\ndata:\n\ndata: x\n\n", [(b"", b"x")]),
            (b"event: ping\ndata:\n\ndata: x\n\n", [(b"", b"x")]),
            (b"data:\ndata: x\n\n", [(b"", b"\nx")]),
            (b"data: \xff\xfe broken \xc3\n\n", [(b"", b"\xff\xfe broken \xc3")]),
            (b"data: cut off\n", []),
            (b"data: cut o", []),
            (b"", []),
        ],
    )
    def test_follows_the_standard(self, stream: bytes, events: list[tuple[bytes, bytes]]) -> None:
        assert read(stream) == [ServerEvent(*event) for event in events]

    def test_a_byte_order_mark_is_taken_away_at_the_very_beginning_only(self) -> None:
        parser = EventParser()
        assert parser.feed(b"\xef\xbb\xbfdata: a\n\n") == [ServerEvent(b"", b"a")]
        assert parser.feed(b"\xef\xbb\xbfdata: b\n\n") == []

    def test_a_line_feed_belongs_to_the_return_just_before_it_and_to_no_other(self) -> None:
        # The two feeds after "\r" are the end of its line, and an empty line: the event's end.
        parser = EventParser()
        assert parser.feed(b"data: x\r") == []
        assert parser.feed(b"\n") == []
        assert parser.feed(b"\n") == [ServerEvent(b"", b"x")]
        # And a stream may begin with an empty line, before which no mark is looked for.
        parser = EventParser()
        assert parser.feed(b"\n") == []
        assert parser.feed(b"\xef\xbb\xbfdata: x\n\n") == []

    def test_an_event_comes_as_soon_as_its_last_byte(self) -> None:
        parser = EventParser()
        assert parser.feed(b"data: x\r") == []
        assert parser.feed(b"\r") == [ServerEvent(b"", b"x")]
        assert parser.feed(b"\ndata: y\r\n\r") == [ServerEvent(b"", b"y")]
        assert parser.feed(b"\ndata: z\n\n") == [ServerEvent(b"", b"z")]


class TestBounds:
    def test_a_line_without_an_end_is_given_up(self) -> None:
        parser = EventParser(max_line=100)
        parser.feed(b"data: " + b"x" * 90)
        with pytest.raises(TooLarge):
            parser.feed(b"xxxxx")

    @pytest.mark.parametrize(
        "before", [b"", b"data: x\n\n", b": x\n"], ids=["first", "after an event", "after a line"]
    )
    def test_a_line_may_be_as_long_as_the_bound(self, before: bytes) -> None:
        line = b"data: " + b"x" * 94
        parser = EventParser(max_line=100)
        parser.feed(before)
        parser.feed(line[:50])
        parser.feed(line[50:])
        assert parser.feed(b"\n\n") == [ServerEvent(b"", b"x" * 94)]
        parser.feed(line)
        with pytest.raises(TooLarge):
            parser.feed(b"x")

    def test_an_event_may_be_as_large_as_the_bound_and_so_may_the_next(self) -> None:
        # The value of `data:` and one for the end of its line.
        parser = EventParser(max_event=100)
        for _ in range(2):
            assert parser.feed(b"data:" + b"x" * 99 + b"\n\n") == [ServerEvent(b"", b"x" * 99)]
        with pytest.raises(TooLarge):
            parser.feed(b"data:" + b"x" * 100 + b"\n\n")

    def test_are_eight_mebibytes_unless_said_otherwise(self) -> None:
        parser = EventParser()
        parser.feed(b"data:" + b"x" * (8 * 1024 * 1024 - 5))
        with pytest.raises(TooLarge):
            parser.feed(b"x")

    def test_many_lines_of_one_event_are_given_up(self) -> None:
        parser = EventParser(max_event=100)
        for _ in range(100):
            parser.feed(b"data:\n")
        with pytest.raises(TooLarge):
            parser.feed(b"data:\n")

    def test_many_events_are_not_too_large(self) -> None:
        parser = EventParser(max_line=100, max_event=100)
        for _ in range(1000):
            assert parser.feed(b"data: " + b"x" * 50 + b"\n\n")

    def test_many_small_parts_cost_their_sum_and_not_their_square(self) -> None:
        parser = EventParser()
        begun = time.process_time()
        for _ in range(200_000):
            parser.feed(b"xxxxxxxxxx")
        # Joining at every part would copy 200 GB.
        assert time.process_time() - begun < 5
