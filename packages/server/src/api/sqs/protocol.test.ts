/** What a request of SQS looks like on the wire, and what its answers do: headers, statuses, error shapes. */
import { ERRORS, isErrorCode, KQueueyError } from "@kqueuey/contract";
import { beforeEach, describe, expect, test } from "vitest";
import type { RequestHead } from "../../exchange.ts";
import { errorOutput, QUEUES_URL, SqsCaller } from "../../testing/sqs-caller.ts";
import { isSqsRequest } from "./sqs-api.ts";

let sqs: SqsCaller;

beforeEach(() => {
  sqs = new SqsCaller();
});

function head(query: string, headers: Record<string, string>, path = "/any"): RequestHead {
  return { method: "POST", path, query, header: (name) => headers[name] };
}

describe("which requests are SQS", () => {
  test.each([
    [true, "", { "content-type": "application/x-amz-json-1.0" }],
    [true, "", { "content-type": "application/x-amz-json-1.0; charset=utf-8" }],
    [true, "", { "content-type": "application/json", "x-amz-target": "AmazonSQS.ListQueues" }],
    [true, "", { "content-type": "application/x-www-form-urlencoded" }],
    [true, "Action=ListQueues", {}],
    [true, "Version=2012-11-05&Action=ListQueues", {}],
    [false, "Reaction=x", {}],
    [false, "", { "content-type": "application/json" }],
    [false, "", { "x-amz-target": "DynamoDB_20120810.ListTables" }],
  ])("%s: query %j, headers %j", (expected, query, headers) => {
    expect(isSqsRequest(head(query, headers))).toBe(expected);
  });

  test.each([
    [true, "/000000000000/q"],
    [true, "//000000000000/q.fifo/"],
    [true, "/queue/us-east-1/000000000000/q"],
    [false, "/000000000000"],
    [false, "/1/q"],
    [false, "/healthz"],
  ])("%s: the path %s alone", (expected, path) => {
    expect(isSqsRequest(head("", {}, path))).toBe(expected);
  });
});

describe("answers", () => {
  test("an output is one JSON object under the request's id", async () => {
    const reply = await sqs.call("CreateQueue", { QueueName: "q" });
    expect(reply).toMatchObject({
      status: 200,
      headers: {
        "Content-Type": "application/x-amz-json-1.0",
        "x-amzn-RequestId": "00000000-0000-4000-8000-0000000000aa",
      },
      text: `{"QueueUrl":"${QUEUES_URL}/q"}`,
    });
  });

  test("an action without output answers with an empty body", async () => {
    const url = await sqs.createQueue("q");
    const reply = await sqs.call("DeleteQueue", { QueueUrl: url });
    expect([reply.status, reply.text]).toEqual([200, ""]);
  });

  test.each([
    ["host header", { host: "queues.local" }, "http://queues.local/000000000000/q"],
    ["IPv6 host", { host: "[::1]:9324" }, "http://[::1]:9324/000000000000/q"],
    ["a host that is none", { host: "a/b" }, "http://localhost/000000000000/q"],
  ])("queue URLs are built from the %s", async (_what, headers, url) => {
    const reply = await sqs.call("CreateQueue", { QueueName: "q" }, headers);
    expect(reply.output).toEqual({ QueueUrl: url });
  });
});

describe("errors", () => {
  test("an error has its shape in the body and the Query protocol's code in a header", async () => {
    const reply = await sqs.call("GetQueueUrl", { QueueName: "nothing" });
    expect(reply.status).toBe(400);
    expect(reply.headers).toEqual({
      "Content-Type": "application/x-amz-json-1.0",
      "x-amzn-RequestId": "00000000-0000-4000-8000-0000000000aa",
      "x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender",
    });
    expect(reply.text).toBe(
      '{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}',
    );
  });

  test.each([
    ["true", 404],
    ["false", 400],
  ])("with x-amzn-query-mode: %s a bad handle is %i", async (mode, status) => {
    const url = await sqs.createQueue("q");
    const input = { QueueUrl: url, ReceiptHandle: "garbage" };
    const reply = await sqs.call("DeleteMessage", input, { "x-amzn-query-mode": mode });
    expect(reply.status).toBe(status);
  });

  test.each([
    ["{", "The body is not JSON."],
    ["[]", "The body must be one JSON object."],
    ["7", "The body must be one JSON object."],
    ["null", "The body must be one JSON object."],
  ])("the body %s is malformed", async (body, message) => {
    const reply = await sqs.call("ListQueues", body);
    expect(reply.status).toBe(400);
    expect(reply.headers["x-amzn-query-error"]).toBe("MalformedInput;Sender");
    expect(reply.output).toEqual(
      errorOutput("com.amazon.coral.service#SerializationException", message),
    );
  });

  test("bytes that are not UTF-8 are malformed; no bytes are no members", async () => {
    const headers = {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": "AmazonSQS.ListQueues",
    };
    expect((await sqs.send(new Uint8Array([0xff]), headers)).output["message"]).toBe(
      "The body is not UTF-8.",
    );
    expect((await sqs.send(new Uint8Array(0), headers)).status).toBe(200);
  });

  test.each([
    ["Dance", "com.amazon.coral.service#UnknownOperationException"],
    ["toString", "com.amazon.coral.service#UnknownOperationException"],
    ["", "com.amazon.coral.service#UnknownOperationException"],
  ])("the action %j is %s", async (action, type) => {
    const reply = await sqs.call(action, {});
    expect([reply.status, reply.output["__type"]]).toEqual([400, type]);
  });

  test("a target of another service is no action", async () => {
    const reply = await sqs.call("x", {}, { "x-amz-target": "Other.ListQueues" });
    expect(reply.headers["x-amzn-query-error"]).toBe("InvalidAction;Sender");
  });

  test.each([
    ["UNAVAILABLE", 503, "ServiceUnavailable;Receiver"],
    ["OUTCOME_UNKNOWN", 503, "ServiceUnavailable;Receiver"],
    ["DEADLINE_EXCEEDED", 503, "ServiceUnavailable;Receiver"],
    ["CANCELLED", 503, "ServiceUnavailable;Receiver"],
    ["STORAGE_FULL", 503, "ServiceUnavailable;Receiver"],
    ["THROTTLED", 403, "RequestThrottled;Sender"],
    ["LIMIT_REACHED", 403, "OverLimit;Sender"],
    ["ACCESS_DENIED", 403, "AccessDenied;Sender"],
    ["UNSUPPORTED", 400, "AWS.SimpleQueueService.UnsupportedOperation;Sender"],
    ["INTERNAL", 500, "InternalError;Receiver"],
  ] as const)("a broker that says %s is answered %i %s", async (code, status, queryError) => {
    sqs.broker.failWith(new KQueueyError(code, "told by the broker"));
    const reply = await sqs.call("ListQueues", {});
    expect([reply.status, reply.headers["x-amzn-query-error"]]).toEqual([status, queryError]);
    expect(sqs.faults.length).toBe(code === "INTERNAL" ? 1 : 0);
    expect(reply.text.includes("told by the broker")).toBe(code !== "INTERNAL");
  });

  test("every error of the table has an answer", async () => {
    for (const code of Object.keys(ERRORS).filter(isErrorCode)) {
      sqs.broker.failWith(new KQueueyError(code, "x"));
      const reply = await sqs.call("ListQueues", {});
      expect(reply.status).toBeGreaterThanOrEqual(400);
    }
  });

  test("what the listener refuses has SQS's shape", () => {
    const json = head("", { "content-type": "application/x-amz-json-1.0" });
    const tooLarge = sqs.api.refuse?.(json, { reason: "too-large", bytesMax: 10 });
    expect(tooLarge?.body).toBe(
      '{"__type":"com.amazon.coral.service#RequestEntityTooLargeException","message":"The request body must not be longer than 10 bytes."}',
    );
    expect(sqs.api.refuse?.(json, { reason: "busy" })?.status).toBe(503);
  });
});

describe("who calls", () => {
  test.each([
    [undefined, "anonymous"],
    [
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261124/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=0",
      "AKIDEXAMPLE",
    ],
    ["Bearer x", "anonymous"],
    ["AWS4-HMAC-SHA256 Credential=/x", "anonymous"],
  ])("the header %s makes the sender %s", async (authorization, sender) => {
    const url = await sqs.createQueue("q");
    const headers = authorization === undefined ? {} : { authorization };
    await sqs.call("SendMessage", { QueueUrl: url, MessageBody: "a" }, headers);
    const received = await sqs.call("ReceiveMessage", {
      QueueUrl: url,
      MessageSystemAttributeNames: ["SenderId"],
    });
    expect(received.output["Messages"]).toMatchObject([{ Attributes: { SenderId: sender } }]);
  });

  test("an SDK's retry, told by its invocation id, stores nothing twice", async () => {
    const url = await sqs.createQueue("q");
    const headers = { "amz-sdk-invocation-id": "8f1c2d3e-0000-4000-8000-000000000001" };
    const send = () => sqs.call("SendMessage", { QueueUrl: url, MessageBody: "a" }, headers);
    const first = await send();
    expect((await send()).output).toEqual(first.output);
    const { output } = await sqs.call("GetQueueAttributes", {
      QueueUrl: url,
      AttributeNames: ["ApproximateNumberOfMessages"],
    });
    expect(output).toEqual({ Attributes: { ApproximateNumberOfMessages: "1" } });
  });

  test("a retried receive is given the same messages under the same handles", async () => {
    const url = await sqs.createQueue("q");
    for (const body of ["a", "b", "c"]) await sqs.sendMessage(url, body);
    const headers = { "amz-sdk-invocation-id": "8f1c2d3e-0000-4000-8000-000000000002" };
    const input = { QueueUrl: url, MaxNumberOfMessages: 2 };
    const first = await sqs.call("ReceiveMessage", input, headers);
    expect(first.output["Messages"]).toMatchObject([{ Body: "a" }, { Body: "b" }]);
    expect((await sqs.call("ReceiveMessage", input, headers)).output).toEqual(first.output);
    const another = await sqs.call("ReceiveMessage", input);
    expect(another.output["Messages"]).toMatchObject([{ Body: "c" }]);
  });

  test("a retry may come in the other protocol", async () => {
    const url = await sqs.createQueue("q");
    const headers = { "amz-sdk-invocation-id": "8f1c2d3e-0000-4000-8000-000000000003" };
    const sent = await sqs.call("SendMessage", { QueueUrl: url, MessageBody: "a" }, headers);
    const parameters = { Action: "SendMessage", QueueUrl: url, MessageBody: "a" };
    const again = await sqs.query(parameters, {}, headers);
    expect(again.text).toContain(`<MessageId>${String(sent.output["MessageId"])}</MessageId>`);
  });

  test.each(["", "x".repeat(65), "a b", "ä"])("the id %j is not one", async (id) => {
    const url = await sqs.createQueue("q");
    const headers = { "amz-sdk-invocation-id": id };
    for (let at = 0; at < 2; at++) {
      await sqs.call("SendMessage", { QueueUrl: url, MessageBody: "a" }, headers);
    }
    const { output } = await sqs.call("ReceiveMessage", { QueueUrl: url, MaxNumberOfMessages: 10 });
    expect(output["Messages"]).toHaveLength(2);
  });
});
