"""The errand of errand.ts with boto3. Ends with 1 and a traceback when anything is not as it should be."""

import os
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

COUNT = 100

sqs = boto3.client(
    "sqs",
    endpoint_url=os.environ["KQUEUEY_TEST_ENDPOINT"],
    config=Config(retries={"max_attempts": 12, "mode": "standard"}, read_timeout=30),
)
print("boto3", boto3.__version__, sqs.meta.service_model.metadata["protocol"])
if len(sys.argv) > 1:
    assert sqs.meta.service_model.metadata["protocol"] == sys.argv[1]


def attributes(number):
    return {
        "colour": {"DataType": "String", "StringValue": "red <&> \"blue\" \r\n é"},
        "number": {"DataType": "Number.int", "StringValue": str(number)},
        "raw": {"DataType": "Binary", "BinaryValue": bytes([0, 1, 255])},
    }


def body(number):
    return f"job {number} <&> \"quoted\" \r\n\t 你好 🐇"


url = sqs.create_queue(
    QueueName="errand",
    Attributes={"VisibilityTimeout": "5", "ReceiveMessageWaitTimeSeconds": "1"},
    tags={"team": "a & b"},
)["QueueUrl"]
assert sqs.get_queue_url(QueueName="errand")["QueueUrl"] == url
assert sqs.list_queues(QueueNamePrefix="err")["QueueUrls"] == [url]
shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
assert shown["VisibilityTimeout"] == "5", shown
arn = shown["QueueArn"]
sqs.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "3600"})
sqs.tag_queue(QueueUrl=url, Tags={"size": "small"})
sqs.untag_queue(QueueUrl=url, TagKeys=["team"])
assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"size": "small"}
sqs.add_permission(
    QueueUrl=url, Label="all", AWSAccountIds=["111111111111"], Actions=["SendMessage"]
)
sqs.remove_permission(QueueUrl=url, Label="all")
assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0)

ids = {}
for number in range(0, COUNT // 2):
    sent = sqs.send_message(
        QueueUrl=url, MessageBody=body(number), MessageAttributes=attributes(number)
    )
    ids[number] = sent["MessageId"]
print("half", flush=True)
for first in range(COUNT // 2, COUNT, 10):
    entries = [
        {
            "Id": f"e{number}",
            "MessageBody": body(number),
            "MessageAttributes": attributes(number),
        }
        for number in range(first, first + 10)
    ]
    result = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert len(result["Successful"]) == 10 and not result.get("Failed"), result
    for entry in result["Successful"]:
        ids[int(entry["Id"][1:])] = entry["MessageId"]

seen = set()
while len(seen) < COUNT:
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        AttributeNames=["All"],
        MessageAttributeNames=["All"],
    )
    messages = answer.get("Messages", [])
    for message in messages:
        number = int(message["MessageAttributes"]["number"]["StringValue"])
        assert message["Body"] == body(number), message
        assert message["MessageAttributes"] == attributes(number), message
        assert message["MessageId"] == ids[number], message
        assert message["Attributes"]["SenderId"] == os.environ["AWS_ACCESS_KEY_ID"], message
        seen.add(number)
    if not messages:
        continue
    first, rest = messages[0], messages[1:]
    sqs.change_message_visibility(
        QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=60
    )
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    if rest:
        entries = [
            {"Id": str(at), "ReceiptHandle": message["ReceiptHandle"]}
            for at, message in enumerate(rest)
        ]
        result = sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        assert not result.get("Failed"), result

shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
left = [int(shown["ApproximateNumberOfMessages" + kind]) for kind in ("", "NotVisible", "Delayed")]
assert left == [0, 0, 0], left
try:
    sqs.get_queue_url(QueueName="nowhere")
    raise AssertionError("a queue that is not there was found")
except sqs.exceptions.QueueDoesNotExist as error:
    assert error.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue", error
try:
    sqs.delete_message(QueueUrl=url, ReceiptHandle="garbage")
    raise AssertionError("garbage was taken for a receipt")
except ClientError as error:
    assert error.response["Error"]["Code"] == "ReceiptHandleIsInvalid", error
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 404, error
sqs.purge_queue(QueueUrl=url)
sqs.delete_queue(QueueUrl=url)
print("done", arn)
