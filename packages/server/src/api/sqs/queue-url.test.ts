import { expect, test } from "vitest";
import { queueNameOf, queueNameOfArn } from "./queue-url.ts";

test.each([
  ["http://localhost:9324/000000000000/orders", "orders"],
  ["https://sqs.eu-west-1.amazonaws.com/123456789012/orders", "orders"],
  ["http://localhost:9324/000000000000/orders/", "orders"],
  ["http://localhost:4566/queue/eu-west-1/000000000000/orders", "orders"],
  ["http://localhost:9324//000000000000//orders", "orders"],
  ["http://localhost:9324/000000000000//orders//", "orders"],
  ["000000000000/orders", "orders"],
  ["/000000000000/orders", "orders"],
  ["orders", "orders"],
  ["orders.fifo", "orders.fifo"],
])("the queue of %s is %s", (url, name) => {
  expect(queueNameOf({ QueueUrl: url })).toBe(name);
});

test.each([
  [{}, "MissingParameter", "The request must contain the parameter QueueUrl."],
  [{ QueueUrl: "" }, "MissingParameter", "The request must contain the parameter QueueUrl."],
  [{ QueueUrl: null }, "MissingParameter", "The request must contain the parameter QueueUrl."],
  [{ QueueUrl: 7 }, "MalformedInput", "The member QueueUrl must be a string."],
  [
    { QueueUrl: "http://localhost:9324" },
    "InvalidAddress",
    "The address http://localhost:9324 is not valid for this endpoint.",
  ],
  [{ QueueUrl: "//" }, "InvalidAddress", "The address // is not valid for this endpoint."],
  [{ QueueUrl: "a/b c" }, "QueueDoesNotExist", "The specified queue does not exist."],
  [{ QueueUrl: "x".repeat(81) }, "QueueDoesNotExist", "The specified queue does not exist."],
])("%j is refused", (input, kind, message) => {
  expect(() => queueNameOf(input)).toThrowError(expect.objectContaining({ kind, message }));
});

test.each([
  ["arn:aws:sqs:us-east-1:000000000000:dead", "dead"],
  ["arn:aws-cn:sqs:cn-north-1:1:dead.fifo", "dead.fifo"],
  ["arn:aws:sns:us-east-1:000000000000:dead", undefined],
  ["arn:aws:sqs:us-east-1:000000000000:", undefined],
  ["arn:aws:sqs:us-east-1:000000000000:a:b", undefined],
  ["dead", undefined],
])("the queue of the ARN %s is %s", (arn, name) => {
  expect(queueNameOfArn(arn)).toBe(name);
});
