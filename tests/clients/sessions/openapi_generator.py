"""The session with OpenAPI Generator's client for Python."""

import json
import os

import openapi_generator_client as echo

configuration = echo.Configuration(host=os.environ["ECHO_URL"])
PASSWORD = "correct horse 1 battery"
EMAIL = os.environ["EMAIL"]

with echo.ApiClient(configuration) as client:
    auth = echo.AuthApi(client)
    auth.register(echo.RegisterRequest(name="Ada", email=EMAIL, password=PASSWORD, confirm_password=PASSWORD))
    session = auth.login(echo.LoginRequest(email=EMAIL, password=PASSWORD)).actual_instance
    configuration.access_token = session.token

    messages = echo.MessagesApi(client)
    question = messages.create_message("first", echo.MessageCreate(text="What is a contract?", sender="user"))
    messages.create_message("first", echo.MessageCreate(text="A promise that is kept.", sender="assistant"))
    conversations = echo.ConversationsApi(client)
    listed = conversations.list_conversations().conversations
    found = conversations.list_conversations(search="PROMISE").conversations
    fork = conversations.fork_conversation(
        echo.ForkRequest(conversation_id="first", message_id=question.message_id)
    )

    chat = echo.ChatApi(client)
    begun = chat.start_chat("Offline", echo.ChatRequest(text="Say hello", model="echo", top_p=0.5))
    events = chat.follow_chat(begun.stream_id)
    key = echo.KeysApi(client).create_api_key(echo.ApiKeyCreate(name="my program"))
    configuration.access_token = key.key
    asked = echo.ChatCompletionRequest(
        model="Offline/echo",
        messages=[
            echo.ChatCompletionMessage(role="user", content=echo.ChatCompletionMessageContent("Say hello"))
        ],
    )
    answer = echo.OpenAIApi(client).create_chat_completion(asked)

    configuration.access_token = "nobody"
    try:
        echo.UserApi(client).get_current_user()
    except echo.ApiException as error:
        refused = error.data

print(
    json.dumps(
        {
            "listed": [each.conversation_id for each in listed],
            "found": len(found),
            "forked": [each.text for each in fork.messages],
            "final": '"final":true' in events,
            "said": answer.choices[0].message.content,
            "refused": refused.code,
        }
    )
)
