"""Another process with an embedded server: `python -m tests.storage.embedded_child DIRECTORY`.

Says in one line of JSON what came of the start, then does what each line of its input asks for.
"""

import json
import sys
from pathlib import Path

from storage.embedded import EmbeddedServer


def main() -> None:
    server = EmbeddedServer(Path(sys.argv[1]))
    uri = server.start()
    print(json.dumps({"uri": uri, "owner": server.alive}), flush=True)  # noqa: T201
    for line in sys.stdin:
        if line.strip() == "restart":
            print(json.dumps(server.restart_if_dead()), flush=True)  # noqa: T201
    server.stop()


if __name__ == "__main__":
    main()
