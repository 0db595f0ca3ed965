"""A `.env` means to Echo what it means to LibreChat, whose reader of such files is run by Node."""

import random

from echo.settings.env_file import parse_env
from tests.librechat.models import Models

# What files of settings are made of, and what readers of them disagree about.
PIECES = (
    *(
        "A",
        "B",
        "MONGO_URI",
        "export ",
        "=",
        "= ",
        " = ",
        ":",
        ": ",
        "'",
        '"',
        "`",
        "#",
        " #",
        "\\",
        "\\n",
        "\\r",
        "\\'",
    ),
    *(
        '\\"',
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        " ",
        "\t",
        "x",
        "y z",
        "$",
        "${A}",
        "é",
        "\ufeff",
        "\u00a0",
        "-",
        ".",
        "\n# c\n",
    ),
    "mongodb://u:p#w@db/LibreChat",
)


def test_every_text_means_the_same(models: Models) -> None:
    dice = random.Random(7)
    texts = ["".join(dice.choices(PIECES, k=dice.randint(1, 24))) for _ in range(10_000)]
    for _ in range(5_000):
        values = ("".join(dice.choices(PIECES, k=dice.randint(0, 6))) for _ in range(4))
        texts.append("".join(f"{dice.choice('ABC')}={value}\n" for value in values))
    expected = models.read_env_files(texts)
    differing = [text for text, values in zip(texts, expected, strict=True) if parse_env(text) != values]
    assert differing == []
    assert sum(map(bool, expected)) > len(texts) / 4
