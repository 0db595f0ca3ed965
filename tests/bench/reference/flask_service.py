"""The two reads in bare Flask: dictionaries, `jsonify`, the synchronous driver, no checks of what goes out."""

import os
from typing import Any

from flask import Flask, abort, jsonify, request
from flask.typing import ResponseReturnValue
from pymongo import MongoClient

from tests.bench.reference import queries
from tests.bench.reference.tokens import owner_of

app = Flask(__name__)
database: Any = MongoClient(os.environ["MONGO_URI"], tz_aware=True).get_default_database("LibreChat")


def current_owner() -> str:
    """The caller; 401 without a valid token."""
    owner = owner_of(request.headers.get("Authorization", ""))
    if owner is None:
        abort(401)
    return owner


def shown(document: dict[str, Any]) -> dict[str, Any]:
    """A document with its dates as text."""
    del document["_id"]
    for name in ("createdAt", "updatedAt"):
        document[name] = document[name].isoformat(timespec="milliseconds")
    return document


@app.get("/health")
def health() -> ResponseReturnValue:
    """Alive."""
    return "OK"


@app.get("/api/convos")
def list_conversations() -> ResponseReturnValue:
    """The newest conversations."""
    limit = min(max(request.args.get("limit", queries.LIMIT, int), 1), 100)
    found = database.conversations.find(queries.conversations_of(current_owner()), queries.CONVERSATION)
    rows = list(found.sort(queries.NEWEST_FIRST).limit(limit + 1))
    return jsonify({"conversations": [shown(row) for row in rows[:limit]], "hasMore": len(rows) > limit})


@app.get("/api/messages/<conversation_id>")
def list_messages(conversation_id: str) -> ResponseReturnValue:
    """A conversation's messages."""
    found = database.messages.find(queries.messages_of(current_owner(), conversation_id), queries.MESSAGE)
    rows = list(found.sort(queries.OLDEST_FIRST))
    if not rows:
        abort(404)
    return jsonify([{**shown(row), "sender": queries.sender(row)} for row in rows])
