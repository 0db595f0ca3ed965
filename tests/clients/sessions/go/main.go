// The session with OpenAPI Generator's client for Go.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	echo "example.com/session/echo"
)

const password = "correct horse 1 battery"

func must[T any](value T, _ any, err error) T {
	if err != nil {
		if told, is := err.(*echo.GenericOpenAPIError); is {
			panic(string(told.Body()) + ": " + err.Error())
		}
		panic(err)
	}
	return value
}

func as(token string) context.Context {
	return context.WithValue(context.Background(), echo.ContextAccessToken, token)
}

func main() {
	configuration := echo.NewConfiguration()
	configuration.Servers = echo.ServerConfigurations{{URL: os.Getenv("ECHO_URL")}}
	client := echo.NewAPIClient(configuration)
	email, nobody := os.Getenv("EMAIL"), context.Background()

	registration := *echo.NewRegisterRequest("Ada", email, password, password)
	must(client.AuthAPI.Register(nobody).RegisterRequest(registration).Execute())
	login := must(client.AuthAPI.Login(nobody).LoginRequest(*echo.NewLoginRequest(email, password)).Execute())
	ada := as(login.Session.Token)

	say := func(text, sender string) *echo.Message {
		message := *echo.NewMessageCreate(text, sender)
		return must(client.MessagesAPI.CreateMessage(ada, "first").MessageCreate(message).Execute())
	}
	question := say("What is a contract?", "user")
	say("A promise that is kept.", "assistant")
	listed := must(client.ConversationsAPI.ListConversations(ada).Execute())
	found := must(client.ConversationsAPI.ListConversations(ada).Search("PROMISE").Execute())
	forking := *echo.NewForkRequest("first", question.MessageId)
	fork := must(client.ConversationsAPI.ForkConversation(ada).ForkRequest(forking).Execute())

	asked := *echo.NewChatRequest()
	asked.SetText("Say hello")
	asked.SetModel("echo")
	asked.SetTopP(0.5)
	begun := must(client.ChatAPI.StartChat(ada, "Offline").ChatRequest(asked).Execute())
	events := must(client.ChatAPI.FollowChat(ada, begun.StreamId).Execute())
	key := must(client.KeysAPI.CreateApiKey(ada).ApiKeyCreate(*echo.NewApiKeyCreate("my program")).Execute())
	words := "Say hello"
	message := *echo.NewChatCompletionMessage("user")
	message.SetContent(echo.ChatCompletionMessageContent{String: &words})
	completion := *echo.NewChatCompletionRequest("Offline/echo", []echo.ChatCompletionMessage{message})
	answer := must(client.OpenAIAPI.CreateChatCompletion(as(key.Key)).ChatCompletionRequest(completion).Execute())

	_, _, err := client.UserAPI.GetCurrentUser(as("nobody")).Execute()
	refused := err.(*echo.GenericOpenAPIError).Model().(echo.Error)

	ids, texts := []string{}, []string{}
	for _, each := range listed.Conversations {
		ids = append(ids, each.ConversationId)
	}
	for _, each := range fork.Messages {
		texts = append(texts, each.Text)
	}
	printed, _ := json.Marshal(map[string]any{
		"listed":  ids,
		"found":   len(found.Conversations),
		"forked":  texts,
		"final":   strings.Contains(events, `"final":true`),
		"said":    answer.Choices[0].Message.GetContent(),
		"refused": refused.Code,
	})
	fmt.Println(string(printed))
}
