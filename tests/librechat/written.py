"""The fields of LibreChat's models (`@librechat/data-schemas` 0.0.71) that Echo writes, and their types.

Only what Echo may write is listed: anything else in a document of Echo's is an error here, whether LibreChat has it
or not. `test_written.py` asks the models themselves as well, where Node is at hand.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bson import ObjectId

TEXT, NUMBER, FLAG, DATE, ID, LIST, MAP = str, (int, float), bool, datetime, ObjectId, list, dict
NULL = type(None)
VERSIONED: Mapping[str, Any] = {"_id": ID, "__v": NUMBER}
DATED: Mapping[str, Any] = {**VERSIONED, "createdAt": DATE, "updatedAt": DATE}

FIELDS: Mapping[str, Mapping[str, Any]] = {
    "users": {
        **DATED,
        "name": TEXT,
        "username": TEXT,
        "email": TEXT,
        "emailVerified": FLAG,
        "password": TEXT,
        "avatar": (TEXT, NULL),
        "provider": TEXT,
        "role": TEXT,
        "plugins": LIST,
        "twoFactorEnabled": FLAG,
        "termsAccepted": FLAG,
        "termsAcceptedAt": (DATE, NULL),
        "personalization": MAP,
        "totpSecret": TEXT,
        "backupCodes": LIST,
        "pendingTotpSecret": (TEXT, NULL),
        "pendingBackupCodes": LIST,
        "refreshToken": LIST,
        "favorites": LIST,
        "skillStates": MAP,
    },
    "sessions": {**VERSIONED, "user": ID, "refreshTokenHash": TEXT, "expiration": DATE},
    "conversations": {
        **DATED,
        "conversationId": TEXT,
        "title": TEXT,
        "user": TEXT,
        "messages": LIST,
        "endpoint": (TEXT, NULL),
        "endpointType": TEXT,
        "promptPrefix": TEXT,
        "model": TEXT,
        "isArchived": FLAG,
        "archivedAt": (DATE, NULL),
        "isTemporary": FLAG,
        "expiredAt": (DATE, NULL),
        "tags": LIST,
        "pinned": FLAG,
        "chatProjectId": TEXT,
        "files": LIST,
        "_meiliIndex": FLAG,
    },
    "messages": {
        **DATED,
        "messageId": TEXT,
        "conversationId": TEXT,
        "user": TEXT,
        "parentMessageId": TEXT,
        "sender": TEXT,
        "text": TEXT,
        "content": LIST,
        "isCreatedByUser": FLAG,
        "model": (TEXT, NULL),
        "endpoint": (TEXT, NULL),
        "tokenCount": NUMBER,
        "unfinished": FLAG,
        "error": FLAG,
        "isTemporary": FLAG,
        "expiredAt": (DATE, NULL),
        "_meiliIndex": FLAG,
    },
    "conversationtags": {
        **DATED,
        "tag": TEXT,
        "user": TEXT,
        "description": TEXT,
        "count": NUMBER,
        "position": NUMBER,
    },
    "chatprojects": {
        **DATED,
        "name": TEXT,
        "description": TEXT,
        "user": TEXT,
        "conversationCount": NUMBER,
        "lastConversationAt": (DATE, NULL),
        "lastConversationId": (TEXT, NULL),
    },
    "presets": {
        **DATED,
        "presetId": TEXT,
        "user": TEXT,
        "title": TEXT,
        "endpoint": TEXT,
        "model": TEXT,
        "promptPrefix": TEXT,
        "temperature": NUMBER,
        "top_p": NUMBER,
        "maxOutputTokens": NUMBER,
    },
    "files": {
        **DATED,
        "user": ID,
        "file_id": TEXT,
        "filename": TEXT,
        "filepath": TEXT,
        "object": TEXT,
        "bytes": NUMBER,
        "type": TEXT,
        "source": TEXT,
        "context": TEXT,
        "usage": NUMBER,
        "embedded": FLAG,
        "width": NUMBER,
        "height": NUMBER,
    },
    "keys": {"_id": ID, "__v": NUMBER, "userId": ID, "name": TEXT, "value": TEXT, "expiresAt": DATE},
    "agentapikeys": {
        **DATED,
        "userId": ID,
        "name": TEXT,
        "keyHash": TEXT,
        "keyPrefix": TEXT,
        "expiresAt": DATE,
        "lastUsedAt": DATE,
    },
    "assistants": {
        **DATED,
        "assistant_id": TEXT,
        "user": ID,
        "endpoint": TEXT,
        "conversation_starters": LIST,
        "actions": LIST,
        "append_current_datetime": FLAG,
        "file_ids": LIST,
    },
    "roles": {**VERSIONED, "name": TEXT, "description": TEXT, "permissions": MAP},
    "accessroles": {
        **DATED,
        "accessRoleId": TEXT,
        "name": TEXT,
        "description": TEXT,
        "resourceType": TEXT,
        "permBits": NUMBER,
    },
    "aclentries": {
        **DATED,
        "principalType": TEXT,
        "principalId": (ID, TEXT),
        "principalModel": TEXT,
        "resourceType": TEXT,
        "resourceId": ID,
        "permBits": NUMBER,
        "roleId": ID,
        "grantedBy": ID,
        "grantedAt": DATE,
    },
}
# What LibreChat's models require, besides what all documents have.
REQUIRED: Mapping[str, set[str]] = {
    "users": {"email", "emailVerified", "provider"},
    "sessions": {"user", "refreshTokenHash", "expiration"},
    "conversations": {"conversationId", "endpoint"},
    "messages": {"messageId", "conversationId", "user", "isCreatedByUser"},
    "conversationtags": {"tag", "user", "count", "position"},
    "chatprojects": {"name", "user"},
    "presets": {"presetId", "endpoint"},
    "files": {"user", "file_id", "bytes", "filename", "filepath", "object", "type", "usage"},
    "keys": {"userId", "name", "value"},
    "agentapikeys": {"userId", "name", "keyHash", "keyPrefix"},
    "assistants": {"user", "assistant_id"},
    "roles": {"name"},
    "accessroles": {"accessRoleId", "name", "resourceType", "permBits"},
    "aclentries": {"principalType", "resourceType", "resourceId", "permBits"},
}
# Fields of Echo's own in LibreChat's collections: LibreChat keeps these at the provider.
ECHOS_OWN: Mapping[str, set[str]] = {
    "assistants": {"name", "description", "model", "instructions", "tools"},
}
# LibreChat's models have it only where its search is in use; it means "not yet read".
OF_LIBRECHATS_SEARCH: Mapping[str, set[str]] = {"conversations": {"_meiliIndex"}}
# LibreChat's own default is the null that its model refuses: it writes conversations without asking the model.
REFUSED_BUT_WRITTEN_BY_LIBRECHAT: Mapping[str, dict[str, str]] = {"conversations": {"endpoint": "required"}}
