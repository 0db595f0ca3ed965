"""Reasoning that a model writes into its text: `<think>...</think>` at the beginning, as open models do."""

OPENING, CLOSING = "<think>", "</think>"


class ThinkTags:
    """Takes the text of one answer piece by piece, however it is cut; tells reasoning from text.

    Only what begins with the mark is reasoning, up to its end or, where that never comes, to the end of all.
    """

    def __init__(self) -> None:
        self._held = ""
        self._state = "beginning"

    def take(self, text: str) -> tuple[str, str]:
        """The text and the reasoning that are certain now."""
        if self._state == "text":
            return text, ""
        self._held += text
        if self._state == "beginning" and not self._begun():
            return self._released()
        reasoning = ""
        if self._state == "thinking":
            reasoning = self._thought()
        if self._state == "after":
            # The blank lines that stand between both belong to neither.
            self._held = self._held.lstrip()
            if self._held:
                self._state = "text"
        said = self._released()[0] if self._state == "text" else ""
        return said, reasoning

    def rest(self) -> tuple[str, str]:
        """What was held back, at the end of all."""
        held, self._held = self._held, ""
        return ("", held) if self._state == "thinking" else (held if self._state != "after" else "", "")

    def _begun(self) -> bool:
        """Whether the mark has come; when it cannot come any more, all is text."""
        begun = self._held.lstrip()
        if begun.startswith(OPENING):
            self._held, self._state = begun.removeprefix(OPENING), "thinking"
            return True
        if not OPENING.startswith(begun):
            self._state = "text"
        return False

    def _released(self) -> tuple[str, str]:
        if self._state != "text":
            return "", ""
        held, self._held = self._held, ""
        return held, ""

    def _thought(self) -> str:
        before, mark, after = self._held.partition(CLOSING)
        if mark:
            self._held, self._state = after, "after"
            return before.rstrip()
        # Its last letters may be the beginning of the mark, or blanks before it.
        kept = next((size for size in range(len(CLOSING) - 1, 0, -1) if before.endswith(CLOSING[:size])), 0)
        sure = before[: len(before) - kept].rstrip()
        self._held = before[len(sure) :]
        return sure
