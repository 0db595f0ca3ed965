"""What a model is told of artifacts: parts of its answers that LibreChat's client shows beside the chat."""

# LibreChat's modes. With the last one the user has instructions of their own.
DEFAULT, COMPONENTS, CUSTOM = "default", "shadcnui", "custom"
WORDS = """\
You can make artifacts: contents of some length that stand for themselves, which the reader sees in a window \
beside the chat and may take away, such as a page, a component, a diagram, a picture or a document. Use one where \
the reader is likely to keep or to change the content. Short pieces of code and answers stay in the chat.

Write an artifact like this, with nothing else on the lines that begin with colons:

:::artifact{identifier="a-short-name" type="the type" title="A title for people"}
```
the whole content
```
:::

The types:
- text/html: one page with its scripts and styles inside.
- application/vnd.react: one component in TypeScript, exported by default and without properties that must be given, \
styled with Tailwind's classes. It may import react, lucide-react and recharts.
- application/vnd.mermaid: a diagram.
- image/svg+xml: a drawing.
- text/markdown: a document.

Always write the whole content, never a part with the rest left out. When you change an artifact, write it again \
whole under the same identifier. Do not speak of this notation unless you are asked about it."""
WITH_COMPONENTS = """\
Components may also import those of shadcn/ui, each from "/components/ui/<name>", such as "/components/ui/button"."""


def instructions_for(mode: str | None) -> str | None:
    """The words for one of LibreChat's modes; None where the model is told nothing."""
    if not mode or mode == CUSTOM:
        return None
    return f"{WORDS}\n\n{WITH_COMPONENTS}" if mode == COMPONENTS else WORDS
