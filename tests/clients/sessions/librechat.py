"""A session below LibreChat's API with OpenAPI Generator's client for Python."""

import json
import os

import openapi_generator_librechat as librechat

configuration = librechat.Configuration(host=os.environ["ECHO_URL"] + "/chat")
PASSWORD = "correct horse 1 battery"
EMAIL = os.environ["EMAIL"]
QUESTION = "Say hello"

with librechat.ApiClient(configuration) as client:
    auth = librechat.AuthApi(client)
    auth.register(
        librechat.RegisterRequest(name="Ada", email=EMAIL, password=PASSWORD, confirm_password=PASSWORD)
    )
    session = auth.login(librechat.LoginRequest(email=EMAIL, password=PASSWORD))
    configuration.access_token = session.token

    chat = librechat.ChatApi(client)
    begun = chat.start_agent_chat(librechat.TChatRequest(text=QUESTION, endpoint="Offline", model="echo"))
    events = chat.follow_chat(begun.stream_id)
    conversations = librechat.ConversationsApi(client)
    renamed = conversations.rename_conversation(
        librechat.TConversationTitle(
            arg=librechat.TConversationTitleArg(conversation_id=begun.conversation_id, title="A greeting")
        )
    )
    listed = conversations.list_conversations().conversations
    messages = librechat.MessagesApi(client).list_conversation_messages(begun.conversation_id)
    fork = conversations.fork_conversation(
        librechat.TForkRequest(conversation_id=begun.conversation_id, message_id=messages[0].message_id)
    )
    deleted = conversations.delete_conversation(
        librechat.TConversationDeletion(
            arg=librechat.TConversationDeletionArg(conversation_id=begun.conversation_id)
        )
    )

    configuration.access_token = "nobody"
    try:
        librechat.UserApi(client).get_current_user()
    except librechat.ApiException as error:
        refused = error.data

print(
    json.dumps(
        {
            "mine": session.user.email == EMAIL,
            "final": '"final":true' in events,
            "renamed": renamed.title,
            "listed": [each.title for each in listed],
            "asked": messages[0].text,
            "forked": [each.text for each in fork.messages][:1],
            "deleted": deleted.deleted_count,
            "refused": refused.code,
        }
    )
)
