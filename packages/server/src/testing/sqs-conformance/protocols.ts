/** Both protocols, errors, URLs, signatures. */
import assert from "node:assert/strict";
import type { SqsCaller } from "../sqs-caller.ts";
import { type Behaviour, ok, receive, refused } from "./behaviour.ts";

async function xml(sqs: SqsCaller, parameters: Record<string, string>): Promise<string> {
  return (await sqs.query(parameters)).text;
}

export const PROTOCOLS: readonly Behaviour[] = [
  {
    action: "Every action",
    behaviour: "AWS JSON 1.0, or Query with XML (2012-11-05)",
    service: "chosen per request, on any path",
    test: async (sqs) => {
      await sqs.createQueue("q");
      assert.match(await xml(sqs, { Action: "GetQueueUrl", QueueName: "q" }), /<QueueUrl>/);
      const { output } = await sqs.call("GetQueueUrl", { QueueName: "q" });
      assert.ok("QueueUrl" in output);
    },
  },
  {
    action: "Every action",
    behaviour: "an error in JSON",
    service: "`__type` names the shape, `x-amzn-query-error` the code of the Query protocol",
    test: async (sqs) => {
      const reply = await sqs.call("GetQueueUrl", { QueueName: "x" });
      assert.equal(reply.output["__type"], "com.amazonaws.sqs#QueueDoesNotExist");
      await refused(reply, "AWS.SimpleQueueService.NonExistentQueue");
    },
  },
  {
    action: "Every action",
    behaviour: "a queue that is not there",
    service: "the two protocols have different texts",
    test: async (sqs) => {
      const text = await xml(sqs, { Action: "GetQueueUrl", QueueName: "x" });
      assert.match(text, /The specified queue does not exist for this wsdl version\./);
      const reply = await sqs.call("GetQueueUrl", { QueueName: "x" });
      assert.equal(reply.output["message"], "The specified queue does not exist.");
    },
  },
  {
    action: "Every action",
    behaviour: "a queue that is not there, in a request that is wrong too",
    service: "the queue comes first",
    test: async (sqs) =>
      refused(
        sqs.call("SendMessage", { QueueUrl: "x", MessageBody: "" }),
        "AWS.SimpleQueueService.NonExistentQueue",
      ),
  },
  {
    action: "Every action",
    behaviour: "the queue in the path, in a parameter, or both",
    service: "the parameter wins",
    test: async (sqs) => {
      await sqs.createQueue("a");
      await sqs.createQueue("b");
      const form = "Action=SendMessage&MessageBody=x";
      await sqs.query(form, { path: "/000000000000/a" });
      await sqs.query(`${form}&QueueUrl=b`, { path: "/000000000000/a" });
      assert.equal((await receive(sqs, "a")).length, 1);
      assert.equal((await receive(sqs, "b")).length, 1);
    },
  },
  {
    action: "Every action",
    behaviour: "the first use of a queue that nobody created",
    service: "`AWS.SimpleQueueService.NonExistentQueue`",
    ours: "the same; with `createQueuesOnUse`, GetQueueUrl, SendMessage, SendMessageBatch and ReceiveMessage create it",
    test: async (sqs) =>
      refused(sqs.sendMessage("q", "a"), "AWS.SimpleQueueService.NonExistentQueue"),
  },
  {
    action: "Every action",
    behaviour: "an action that is none",
    service: "`InvalidAction`",
    test: async (sqs) =>
      refused(sqs.call("Dance", {}), "InvalidAction", "The action Dance is not valid"),
  },
  {
    action: "Every action",
    behaviour: "a Query request without an action on a queue's path",
    service: "404 and `<UnknownOperationException/>`",
    test: async (sqs) => {
      const reply = await sqs.query("", { method: "GET", path: "/000000000000/q" });
      assert.deepEqual([reply.status, reply.text], [404, "<UnknownOperationException/>\n"]);
    },
  },
  {
    action: "Every action",
    behaviour: "`Accept: application/json` on a Query request by `GET`",
    service: "JSON in a form of its own, with `messages` in lower case",
    ours: "the same form; members inside are those of the JSON protocol, and errors are as we remember them: no SDK asks for it",
    test: async (sqs) => {
      await sqs.createQueue("q");
      await sqs.sendMessage("q", "a");
      const get = async (query: string): Promise<unknown> =>
        JSON.parse(
          (await sqs.query(query, { method: "GET" }, { accept: "application/json" })).text,
        );
      const received = Object(await get("Action=ReceiveMessage&QueueUrl=q"));
      assert.equal(received.ReceiveMessageResponse.ReceiveMessageResult.messages[0].Body, "a");
      const missing = Object(await get("Action=GetQueueUrl&QueueName=x"));
      assert.equal(missing.Error.Code, "AWS.SimpleQueueService.NonExistentQueue");
      const { text } = await sqs.query("", { method: "GET", path: "/000000000000/q" });
      assert.equal(text, "<UnknownOperationException/>\n");
    },
  },
  {
    action: "Every action",
    behaviour: "host and account of a queue URL",
    service: "must be those of the service",
    ours: "are ignored, as is a bare name's lack of them: any node answers for any queue",
    test: async (sqs) => {
      await sqs.createQueue("q");
      await ok(sqs, "GetQueueAttributes", { QueueUrl: "https://elsewhere/123456789012/q" });
      await ok(sqs, "GetQueueAttributes", { QueueUrl: "q" });
    },
  },
  {
    action: "Every action",
    behaviour: "queue URLs in answers",
    service: "the region's host",
    ours: "`http://` and the host of the request, unless `sqsUrl` is set, as it has to be where a proxy speaks TLS: `X-Forwarded-Host` and `X-Forwarded-Proto` are not believed, since anybody can send them",
    test: async (sqs) => {
      const forwarded = { "x-forwarded-host": "other.test", "x-forwarded-proto": "https" };
      const headers = { host: "queues.test", ...forwarded };
      const { output } = await sqs.call("CreateQueue", { QueueName: "q" }, headers);
      assert.equal(output["QueueUrl"], "http://queues.test/000000000000/q");
    },
  },
  {
    action: "Every action",
    behaviour: "a call that an SDK tries again (`amz-sdk-invocation-id`)",
    service: "a second call: a send may be stored twice",
    ours: "the first one's result for 60 seconds, for sends and receives, also by the next leader",
    test: async (sqs) => {
      await sqs.createQueue("q");
      const headers = { "amz-sdk-invocation-id": "one" };
      const send = () => sqs.call("SendMessage", { QueueUrl: "q", MessageBody: "a" }, headers);
      const first = await send();
      assert.deepEqual((await send()).output, first.output);
      assert.equal((await receive(sqs, "q")).length, 1);
    },
  },
];
