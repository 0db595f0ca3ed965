"""What every worker needs, loaded once: the process that workers are forked from imports this module.

Nothing here knows of settings, connects to anything, or leaves a thread.
"""

import gc

# What an import makes is no garbage, and to look for some writes to what is to be shared.
gc.disable()

import signal  # noqa: E402
import threading  # noqa: E402
from importlib import import_module  # noqa: E402

from echo.serving.lean import load_libraries, load_logging  # noqa: E402
from echo.serving.plain_dataclasses import plain_dataclasses  # noqa: E402

load_logging()

from echo.conversations.token_count import load_vocabulary  # noqa: E402
from echo.serving.forking import ignore_test_client  # noqa: E402

# It takes a fifth of a second of another core, and holds nothing up here.
vocabulary = threading.Thread(target=load_vocabulary)
vocabulary.start()
ignore_test_client()
with plain_dataclasses():
    load_libraries()
    for name in (
        "echo.app",
        "echo.serving.connection",
        "echo.serving.crowd",
        "echo.serving.response_cycle",
        "uvloop",
    ):
        import_module(name)
    from echo.contract.routes import load_contracts

    for name in {operation.controller for contract in load_contracts() for operation in contract.operations}:
        import_module(name)
vocabulary.join()
# Forks have the handlers of this process too. One that a tool has set (such as one that measures) is not for them.
signal.signal(signal.SIGTERM, signal.SIG_DFL)
# A collection in a worker writes to none of this: its pages stay shared.
gc.freeze()
