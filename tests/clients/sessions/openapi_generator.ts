// The session with OpenAPI Generator's client for TypeScript (fetch).
import * as echo from "./openapi_generator/index";

const basePath = process.env.ECHO_URL!;
const email = process.env.EMAIL!;
const password = "correct horse 1 battery";
const anonymous = new echo.Configuration({ basePath });

const auth = new echo.AuthApi(anonymous);
await auth.register({ registerRequest: { name: "Ada", email, password, confirmPassword: password } });
const session = (await auth.login({ loginRequest: { email, password } })) as echo.Session;
const ada = new echo.Configuration({ basePath, accessToken: session.token });

const messages = new echo.MessagesApi(ada);
const say = (text: string, sender: "user" | "assistant") =>
  messages.createMessage({ conversationId: "first", messageCreate: { text, sender } });
const question = await say("What is a contract?", "user");
await say("A promise that is kept.", "assistant");
const conversations = new echo.ConversationsApi(ada);
const listed = await conversations.listConversations();
const found = await conversations.listConversations({ search: "PROMISE" });
const fork = await conversations.forkConversation({
  forkRequest: { conversationId: "first", messageId: question.messageId },
});

const chat = new echo.ChatApi(ada);
const begun = await chat.startChat({
  endpoint: "Offline",
  chatRequest: { text: "Say hello", model: "echo", topP: 0.5 },
});
const events = await chat.followChat({ streamId: begun.streamId });
const key = await new echo.KeysApi(ada).createApiKey({ apiKeyCreate: { name: "my program" } });
const program = new echo.Configuration({ basePath, accessToken: key.key });
const answer = await new echo.OpenAIApi(program).createChatCompletion({
  chatCompletionRequest: { model: "Offline/echo", messages: [{ role: "user", content: "Say hello" }] },
});

let refused = "";
try {
  await new echo.UserApi(new echo.Configuration({ basePath, accessToken: "nobody" })).getCurrentUser();
} catch (error) {
  if (error instanceof echo.ResponseError) refused = ((await error.response.json()) as echo.ModelError).code;
}

console.log(
  JSON.stringify({
    listed: listed.conversations.map((each) => each.conversationId),
    found: found.conversations.length,
    forked: fork.messages.map((each) => each.text),
    final: events.includes('"final":true'),
    said: answer.choices[0]!.message.content,
    refused,
  }),
);
