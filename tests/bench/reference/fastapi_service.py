"""The two reads in FastAPI, as its documentation has them: pydantic response models, an asynchronous driver."""

import os
from datetime import datetime
from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException, Query
from pydantic import BaseModel
from pymongo import AsyncMongoClient

from tests.bench.reference import queries
from tests.bench.reference.tokens import owner_of


class Conversation(BaseModel):
    """A conversation."""

    conversationId: str
    title: str
    endpoint: str | None = None
    model: str | None = None
    createdAt: datetime
    updatedAt: datetime
    isArchived: bool = False
    tags: list[str] = []
    user: str


class ConversationPage(BaseModel):
    """A page."""

    conversations: list[Conversation]
    hasMore: bool


class Message(BaseModel):
    """A message."""

    messageId: str
    conversationId: str
    parentMessageId: str | None = None
    sender: str
    text: str
    model: str | None = None
    tokenCount: int | None = None
    createdAt: datetime
    updatedAt: datetime


app = FastAPI()
database = AsyncMongoClient(os.environ["MONGO_URI"], tz_aware=True).get_default_database("LibreChat")


async def current_owner(authorization: Annotated[str, Header()] = "") -> str:
    """The caller; 401 without a valid token."""
    owner = owner_of(authorization)
    if owner is None:
        raise HTTPException(401)
    return owner


Owner = Annotated[str, Depends(current_owner)]


@app.get("/health")
async def health() -> str:
    """Alive."""
    return "OK"


@app.get("/api/convos")
async def list_conversations(
    owner: Owner, limit: Annotated[int, Query(ge=1, le=100)] = queries.LIMIT
) -> ConversationPage:
    """The newest conversations."""
    cursor = database.conversations.find(queries.conversations_of(owner), queries.CONVERSATION)
    rows = await cursor.sort(queries.NEWEST_FIRST).limit(limit + 1).to_list()
    return ConversationPage(
        conversations=[Conversation.model_validate(row) for row in rows[:limit]], hasMore=len(rows) > limit
    )


@app.get("/api/messages/{conversation_id}")
async def list_messages(owner: Owner, conversation_id: str) -> list[Message]:
    """A conversation's messages."""
    cursor = database.messages.find(queries.messages_of(owner, conversation_id), queries.MESSAGE)
    rows = await cursor.sort(queries.OLDEST_FIRST).to_list()
    if not rows:
        raise HTTPException(404)
    return [Message.model_validate({**row, "sender": queries.sender(row)}) for row in rows]
