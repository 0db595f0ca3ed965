// The session with orval's client (fetch).
import * as echo from "./orval/echo";

const email = process.env.EMAIL!;
const password = "correct horse 1 battery";
const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });

await echo.register({ name: "Ada", email, password, confirm_password: password });
const session = await echo.login({ email, password });
if (session.status !== 200 || !("token" in session.data)) throw new Error(JSON.stringify(session.data));
const ada = bearer(session.data.token);

const say = async (text: string, sender: "user" | "assistant") => {
  const answer = await echo.createMessage("first", { text, sender }, ada);
  if (answer.status !== 201) throw new Error(answer.data.message);
  return answer.data;
};
const question = await say("What is a contract?", "user");
await say("A promise that is kept.", "assistant");
const list = async (search?: string) => {
  const answer = await echo.listConversations(search ? { search } : {}, ada);
  if (answer.status !== 200) throw new Error(answer.data.message);
  return answer.data.conversations;
};
const listed = await list();
const found = await list("PROMISE");
const fork = await echo.forkConversation({ conversationId: "first", messageId: question.messageId }, ada);
if (!("messages" in fork.data)) throw new Error(fork.data.message);

const begun = await echo.startChat("Offline", { text: "Say hello", model: "echo", top_p: 0.5 }, ada);
if (begun.status !== 200) throw new Error(JSON.stringify(begun.data));
const events = await echo.followChat(begun.data.streamId, {}, ada);
const text = events.data as string;
const key = await echo.createApiKey({ name: "my program" }, ada);
if (!("key" in key.data)) throw new Error(key.data.message);
const answer = await echo.createChatCompletion(
  { model: "Offline/echo", messages: [{ role: "user", content: "Say hello" }] },
  bearer(key.data.key),
);
const completion = answer.data as unknown as echo.ChatCompletion;
const refused = await echo.getCurrentUser(bearer("nobody"));

console.log(
  JSON.stringify({
    listed: listed.map((each) => each.conversationId),
    found: found.length,
    forked: fork.data.messages.map((each) => each.text),
    final: text.includes('"final":true'),
    said: completion.choices[0]!.message.content,
    refused: refused.status === 401 ? refused.data.code : "",
  }),
);
