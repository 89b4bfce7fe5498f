// The errand of errand.ts with the AWS SDK for Go v2, which checks the digests of bodies and of attributes.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

const count = 100

func must[T any](value T, err error) T {
	check(err == nil, "%v", err)
	return value
}

func check(holds bool, format string, args ...any) {
	if holds {
		return
	}
	fmt.Printf(format+"\n", args...)
	os.Exit(1)
}

func body(number int) string {
	return fmt.Sprintf("job %d <&> \"quoted\" \r\n\t 你好 🐇", number)
}

func attributes(number int) map[string]types.MessageAttributeValue {
	return map[string]types.MessageAttributeValue{
		"colour": {DataType: aws.String("String"), StringValue: aws.String("red <&> \"blue\" \r\n é")},
		"number": {DataType: aws.String("Number.int"), StringValue: aws.String(strconv.Itoa(number))},
		"raw":    {DataType: aws.String("Binary"), BinaryValue: []byte{0, 1, 255}},
	}
}

func main() {
	ctx := context.Background()
	retryer := func() aws.Retryer {
		return retry.NewStandard(func(options *retry.StandardOptions) {
			options.MaxAttempts = 12
			options.RateLimiter = noLimit{}
		})
	}
	settings := must(config.LoadDefaultConfig(ctx, config.WithRetryer(retryer)))
	client := sqs.NewFromConfig(settings, func(options *sqs.Options) {
		options.BaseEndpoint = aws.String(os.Getenv("KQUEUEY_TEST_ENDPOINT"))
	})
	url := prepare(ctx, client)
	ids := sendAll(ctx, client, url)
	receiveAll(ctx, client, url, ids)
	meetErrors(ctx, client, url)
	must(client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: url}))
	fmt.Println("done")
}

// noLimit lets retries go on for as long as an election takes.
type noLimit struct{}

func (noLimit) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}

func (noLimit) AddTokens(uint) error { return nil }

func prepare(ctx context.Context, client *sqs.Client) *string {
	created := must(client.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName:  aws.String("errand"),
		Attributes: map[string]string{"VisibilityTimeout": "5", "ReceiveMessageWaitTimeSeconds": "1"},
		Tags:       map[string]string{"team": "a & b"},
	}))
	url := created.QueueUrl
	listed := must(client.ListQueues(ctx, &sqs.ListQueuesInput{QueueNamePrefix: aws.String("err")}))
	check(len(listed.QueueUrls) == 1 && listed.QueueUrls[0] == *url, "listed %v", listed.QueueUrls)
	tags := must(client.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: url}))
	check(tags.Tags["team"] == "a & b", "tags %v", tags.Tags)
	shown := must(client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl:       url,
		AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	}))
	check(shown.Attributes["VisibilityTimeout"] == "5", "attributes %v", shown.Attributes)
	return url
}

func sendAll(ctx context.Context, client *sqs.Client, url *string) map[int]string {
	ids := map[int]string{}
	for number := 0; number < count/2; number++ {
		sent := must(client.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl: url, MessageBody: aws.String(body(number)), MessageAttributes: attributes(number),
		}))
		ids[number] = *sent.MessageId
	}
	fmt.Println("half")
	for first := count / 2; first < count; first += 10 {
		var entries []types.SendMessageBatchRequestEntry
		for number := first; number < first+10; number++ {
			entries = append(entries, types.SendMessageBatchRequestEntry{
				Id: aws.String(strconv.Itoa(number)), MessageBody: aws.String(body(number)),
				MessageAttributes: attributes(number),
			})
		}
		sent := must(client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: url, Entries: entries}))
		check(len(sent.Successful) == 10 && len(sent.Failed) == 0, "batch %v", sent)
		for _, entry := range sent.Successful {
			ids[must(strconv.Atoi(*entry.Id))] = *entry.MessageId
		}
	}
	return ids
}

func receiveAll(ctx context.Context, client *sqs.Client, url *string, ids map[int]string) {
	seen := map[int]bool{}
	for len(seen) < count {
		received := must(client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: url, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
		}))
		for _, message := range received.Messages {
			number := must(strconv.Atoi(*message.MessageAttributes["number"].StringValue))
			check(*message.Body == body(number), "body %q", *message.Body)
			check(*message.MessageId == ids[number], "id of %d", number)
			seen[number] = true
			must(client.DeleteMessage(ctx, &sqs.DeleteMessageInput{
				QueueUrl: url, ReceiptHandle: message.ReceiptHandle,
			}))
		}
	}
}

func meetErrors(ctx context.Context, client *sqs.Client, url *string) {
	_, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("nowhere")})
	var missing *types.QueueDoesNotExist
	check(errors.As(err, &missing), "an unknown queue gave %v", err)
	_, err = client.DeleteMessage(ctx, &sqs.DeleteMessageInput{
		QueueUrl: url, ReceiptHandle: aws.String("garbage"),
	})
	var refused smithy.APIError
	check(errors.As(err, &refused), "garbage gave %v", err)
	check(refused.ErrorCode() == "ReceiptHandleIsInvalid", "garbage gave %v", err)
}
