"""What every worker needs, loaded once: the process that workers are forked from imports this module.

Nothing here knows of settings, connects to anything or starts a thread.
"""

import gc
import signal
from importlib import import_module

from echo.contract.routes import load_contracts
from echo.conversations.token_count import load_vocabulary
from echo.serving.forking import ignore_test_client

# What an import makes is no garbage, and to look for some writes to what is to be shared.
gc.disable()
ignore_test_client()
for name in ("echo.app", "echo.serving.connection", "echo.serving.crowd", "echo.serving.http10", "uvloop"):
    import_module(name)
for name in {operation.controller for contract in load_contracts() for operation in contract.operations}:
    import_module(name)
load_vocabulary()
# Forks have the handlers of this process too. One that a tool has set (such as one that measures) is not for them.
signal.signal(signal.SIGTERM, signal.SIG_DFL)
# A collection in a worker writes to none of this: its pages stay shared.
gc.freeze()
