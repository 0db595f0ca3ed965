// The session with the client of @hey-api/openapi-ts.
import { client } from "./hey_api/client.gen";
import * as echo from "./hey_api/sdk.gen";
import type { ChatEvent, Session } from "./hey_api/types.gen";

const email = process.env.EMAIL!;
const password = "correct horse 1 battery";
let token = "";
client.setConfig({ baseUrl: process.env.ECHO_URL!, auth: () => token, throwOnError: true });
const throwOnError = true;

await echo.register({ body: { name: "Ada", email, password, confirm_password: password }, throwOnError });
const session = await echo.login({ body: { email, password }, throwOnError });
token = (session.data as Session).token;

const say = (text: string, sender: "user" | "assistant") =>
  echo.createMessage({ path: { conversationId: "first" }, body: { text, sender }, throwOnError });
const question = await say("What is a contract?", "user");
await say("A promise that is kept.", "assistant");
const listed = await echo.listConversations({ throwOnError });
const found = await echo.listConversations({ query: { search: "PROMISE" }, throwOnError });
const fork = await echo.forkConversation({
  body: { conversationId: "first", messageId: question.data.messageId },
  throwOnError,
});

const begun = await echo.startChat({
  path: { endpoint: "Offline" },
  body: { text: "Say hello", model: "echo", top_p: 0.5 },
  throwOnError,
});
const { stream } = await echo.followChat({ path: { streamId: begun.data.streamId } });
let final = false;
for await (const event of stream as AsyncIterable<unknown>) {
  final ||= "final" in (event as ChatEvent);
}
const key = await echo.createApiKey({ body: { name: "my program" }, throwOnError });
token = key.data.key;
const completion = await echo.createChatCompletion({
  body: { model: "Offline/echo", messages: [{ role: "user", content: "Say hello" }] },
  throwOnError,
});
const answer = completion.data as { choices: { message: { content: string } }[] };

token = "nobody";
const refused = await echo.getCurrentUser({ throwOnError: false });

console.log(
  JSON.stringify({
    listed: listed.data.conversations.map((each) => each.conversationId),
    found: found.data.conversations.length,
    forked: fork.data.messages.map((each) => each.text),
    final,
    said: answer.choices[0]!.message.content,
    refused: refused.error?.code,
  }),
);
