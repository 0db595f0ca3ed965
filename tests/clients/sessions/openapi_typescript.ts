// The session with openapi-fetch, by the types of openapi-typescript.
import createClient from "openapi-fetch";
import type { components, paths } from "./openapi_typescript/schema";

const baseUrl = process.env.ECHO_URL!;
const email = process.env.EMAIL!;
const password = "correct horse 1 battery";
const as = (token?: string) =>
  createClient<paths, "application/json">({
    baseUrl,
    ...(token ? { headers: { Authorization: `Bearer ${token}` } } : {}),
  });
const ok = <T>(answer: { data?: T; error?: unknown }): T => {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
};

ok(await as().POST("/api/auth/register", { body: { name: "Ada", email, password, confirm_password: password } }));
const session = ok(await as().POST("/api/auth/login", { body: { email, password } }));
if (!("token" in session)) throw new Error("a second factor");
const ada = as(session.token);

const say = (text: string, sender: "user" | "assistant") =>
  ada.POST("/api/messages/{conversationId}", {
    params: { path: { conversationId: "first" } },
    body: { text, sender },
  });
const question = ok(await say("What is a contract?", "user"));
ok(await say("A promise that is kept.", "assistant"));
const listed = ok(await ada.GET("/api/convos"));
const found = ok(await ada.GET("/api/convos", { params: { query: { search: "PROMISE" } } }));
const fork = ok(
  await ada.POST("/api/convos/fork", { body: { conversationId: "first", messageId: question.messageId } }),
);

const begun = ok(
  await ada.POST("/api/agents/chat/{endpoint}", {
    params: { path: { endpoint: "Offline" } },
    body: { text: "Say hello", model: "echo", top_p: 0.5 },
  }),
);
const events = await createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${session.token}` } }).GET(
  "/api/agents/chat/stream/{streamId}",
  { params: { path: { streamId: begun.streamId } }, parseAs: "text" },
);
const key = ok(await ada.POST("/api/api-keys", { body: { name: "my program" } }));
const answer = ok(
  await as(key.key).POST("/v1/chat/completions", {
    body: { model: "Offline/echo", messages: [{ role: "user", content: "Say hello" }] },
  }),
);
const refused = (await as("nobody").GET("/api/user")).error as components["schemas"]["Error"];

console.log(
  JSON.stringify({
    listed: listed.conversations.map((each) => each.conversationId),
    found: found.conversations.length,
    forked: fork.messages.map((each) => each.text),
    final: (events.data as unknown as string).includes('"final":true'),
    said: answer.choices[0]!.message.content,
    refused: refused.code,
  }),
);
