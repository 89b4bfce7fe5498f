/** The Query protocol: parameters in, XML out, with the same members as the JSON protocol. */
import { encodeUtf8 } from "@kqueuey/base";
import { beforeEach, describe, expect, test } from "vitest";
import { QUEUES_URL, SqsCaller, type SqsReply } from "../../testing/sqs-caller.ts";

const ID = "00000000-0000-4000-8000-0000000000aa";
const XMLNS = 'xmlns="http://queue.amazonaws.com/doc/2012-11-05/"';

let sqs: SqsCaller;
let url: string;

beforeEach(async () => {
  sqs = new SqsCaller();
  url = await sqs.createQueue("q");
});

async function ask(action: string, parameters: Record<string, string> = {}): Promise<SqsReply> {
  return sqs.query({ Action: action, Version: "2012-11-05", ...parameters });
}

/** What is inside of the result element; undefined when there is none. */
async function result(action: string, parameters = {}): Promise<string | undefined> {
  const { text } = await ask(action, parameters);
  return resultOf(action, text);
}

function resultOf(action: string, text: string): string | undefined {
  const head = `<?xml version="1.0"?><${action}Response ${XMLNS}>`;
  const tail = `<ResponseMetadata><RequestId>${ID}</RequestId></ResponseMetadata></${action}Response>`;
  if (!text.startsWith(head) || !text.endsWith(tail)) throw new Error(text);
  const inside = text.slice(head.length, text.length - tail.length);
  if (inside === "") return undefined;
  if (inside === `<${action}Result/>`) return "";
  return inside.slice(`<${action}Result>`.length, -`</${action}Result>`.length);
}

/** Identifiers and digests are other tests' business. */
function masked(xml: string | undefined): string | undefined {
  return xml?.replace(/\b[0-9a-f]{8}-[0-9a-f-]{27}\b/g, "ID").replace(/\b[0-9a-f]{32}\b/g, "MD5");
}

function errorXml(type: string, code: string, message: string): string {
  return `<?xml version="1.0"?><ErrorResponse ${XMLNS}><Error><Type>${type}</Type><Code>${code}</Code><Message>${message}</Message><Detail/></Error><RequestId>${ID}</RequestId></ErrorResponse>`;
}

describe("requests", () => {
  test("a form is answered with XML under the request's id", async () => {
    const reply = await ask("GetQueueUrl", { QueueName: "q" });
    expect(reply.status).toBe(200);
    expect(reply.headers).toEqual({ "Content-Type": "text/xml", "x-amzn-RequestId": ID });
    expect(resultOf("GetQueueUrl", reply.text)).toBe(`<QueueUrl>${url}</QueueUrl>`);
  });

  test("a form is a form, whatever another header says", async () => {
    const headers = { "x-amz-target": "AmazonSQS.ListQueues" };
    const reply = await sqs.query("Action=GetQueueUrl&QueueName=q", {}, headers);
    expect(resultOf("GetQueueUrl", reply.text)).toBe(`<QueueUrl>${url}</QueueUrl>`);
  });

  test("a GET has its parameters in the query string", async () => {
    const reply = await sqs.query("Action=GetQueueUrl&QueueName=q", { method: "GET" });
    expect(resultOf("GetQueueUrl", reply.text)).toBe(`<QueueUrl>${url}</QueueUrl>`);
  });

  test("a POST may have some in its query string; those of the form go before", async () => {
    const reply = await sqs.query("QueueName=q", {
      query: "Action=GetQueueUrl&QueueName=other",
    });
    expect(resultOf("GetQueueUrl", reply.text)).toBe(`<QueueUrl>${url}</QueueUrl>`);
  });

  test.each([
    "/000000000000/q",
    "/000000000000/q/",
    "//000000000000//q",
    "/queue/eu-west-1/000000000000/q",
    "/q",
  ])("the queue is the path's: %s", async (path) => {
    const reply = await sqs.query("Action=SendMessage&MessageBody=test", { path });
    expect(resultOf("SendMessage", reply.text)).toContain("<MessageId>");
  });

  test("QueueUrl goes before the path", async () => {
    await sqs.createQueue("other");
    const parameters = { Action: "SendMessage", QueueUrl: `${QUEUES_URL}/other`, MessageBody: "x" };
    await sqs.query(parameters, { path: "/000000000000/q" });
    expect((await sqs.call("ReceiveMessage", { QueueUrl: url })).text).toBe("{}");
    expect((await sqs.call("ReceiveMessage", { QueueUrl: "other" })).text).toContain("x");
  });

  test("without either the parameter is missing", async () => {
    const message = "The request must contain the parameter QueueUrl.";
    const reply = await ask("PurgeQueue");
    expect(reply.text).toBe(errorXml("Sender", "MissingParameter", message));
  });

  test.each(["CreateQueue", "ListQueues"])("%s is no action of a queue's path", async (action) => {
    const reply = await sqs.query(`Action=${action}&QueueName=x`, { path: "/000000000000/q" });
    expect([reply.status, reply.text]).toEqual([
      400,
      errorXml("Sender", "InvalidAction", `The action ${action} is not valid for this endpoint.`),
    ]);
  });

  test("GetQueueUrl may be asked of another queue's path", async () => {
    await sqs.createQueue("other");
    const reply = await sqs.query("Action=GetQueueUrl&QueueName=other", {
      path: "/000000000000/q",
    });
    expect(resultOf("GetQueueUrl", reply.text)).toBe(`<QueueUrl>${QUEUES_URL}/other</QueueUrl>`);
  });

  test("an action that is none is told by its name, escaped", async () => {
    const reply = await ask("<Dance>");
    const message = "The action &lt;Dance&gt; is not valid for this endpoint.";
    expect([reply.status, reply.text]).toEqual([400, errorXml("Sender", "InvalidAction", message)]);
  });

  test.each(["GET", "POST"])("no action at all on a queue's path is 404 (%s)", async (method) => {
    const line = { method, path: "/000000000000/q" };
    const reply = await sqs.query("", line, { accept: "application/json" });
    expect([reply.status, reply.text]).toEqual([404, "<UnknownOperationException/>\n"]);
  });

  test("+ is a space, %XX are UTF-8, an empty pair is nothing", async () => {
    const form = `Action=SendMessage&&QueueUrl=q&MessageBody=a+b%2B%E4%BD%A0%26%3D`;
    expect((await sqs.query(form)).status).toBe(200);
    const { output } = await sqs.call("ReceiveMessage", { QueueUrl: url });
    expect(output["Messages"]).toMatchObject([{ Body: "a b+你&=" }]);
  });

  test.each(["Action=ListQueues&x=%FF", "Action=ListQueues&x=%", "Action=ListQueues&%ED%A0%80=x"])(
    "%s is malformed",
    async (form) => {
      const reply = await sqs.query(form);
      const message = "A parameter is not percent-encoded UTF-8.";
      expect([reply.status, reply.text]).toEqual([
        400,
        errorXml("Sender", "MalformedInput", message),
      ]);
    },
  );

  test("bytes that are not UTF-8 are malformed", async () => {
    const reply = await sqs.send(new Uint8Array([0x41, 0xff]), {
      "content-type": "application/x-www-form-urlencoded",
    });
    expect(reply.text).toContain("<Code>MalformedInput</Code>");
  });

  test("too many parameters, and names of too many parts, are refused", async () => {
    const many = `Action=ListQueues${"&a".repeat(65_536)}`;
    expect((await sqs.query(many)).text).toContain("too many parameters");
    expect((await sqs.query(`Action=ListQueues${"&a".repeat(65_535)}`)).status).toBe(200);
    const deep = `Action=ListQueues&${"a.".repeat(10)}a=1`;
    expect((await sqs.query(deep)).text).toContain("too many parts");
    expect((await sqs.query(`Action=ListQueues&${"a.".repeat(9)}a=1`)).status).toBe(200);
  });

  test("a name that objects have is a name like others", async () => {
    const form = "Action=ListQueues&__proto__=x&constructor.prototype=y&toString=z";
    expect((await sqs.query(form)).status).toBe(200);
    const message = "Unknown Attribute __proto__.";
    const created = await ask("CreateQueue", {
      QueueName: "r",
      "Attribute.1.Name": "__proto__",
      "Attribute.1.Value": "1",
    });
    expect(created.text).toBe(errorXml("Sender", "InvalidAttributeName", message));
  });
});

describe("lists and maps", () => {
  async function attributesOf(parameters: Record<string, string>): Promise<string | undefined> {
    return result("GetQueueAttributes", { QueueUrl: "q", ...parameters });
  }
  const both =
    "<Attribute><Name>DelaySeconds</Name><Value>0</Value></Attribute><Attribute><Name>VisibilityTimeout</Name><Value>30</Value></Attribute>";

  test.each([
    [{ "AttributeName.1": "DelaySeconds", "AttributeName.2": "VisibilityTimeout" }],
    [{ "AttributeName.10": "VisibilityTimeout", "AttributeName.9": "DelaySeconds" }],
    [{ "AttributeNames.1": "DelaySeconds", "AttributeNames.2": "VisibilityTimeout" }],
    [
      {
        "AttributeNames.member.1": "DelaySeconds",
        "AttributeNames.member.2": "VisibilityTimeout",
      },
    ],
  ])("%j", async (parameters) => {
    expect(await attributesOf(parameters)).toBe(both);
  });

  test("one item needs no number; none is an empty list", async () => {
    expect(await attributesOf({ AttributeName: "DelaySeconds" })).toBe(
      "<Attribute><Name>DelaySeconds</Name><Value>0</Value></Attribute>",
    );
    expect(await attributesOf({ AttributeName: "" })).toBe("");
    expect(await attributesOf({ AttributeNames: "" })).toBe("");
    expect(await attributesOf({})).toBe("");
  });

  test.each([
    [{ "Attribute.1.Name": "DelaySeconds", "Attribute.1.Value": "7" }],
    [{ "Attribute.Name": "DelaySeconds", "Attribute.Value": "7" }],
    [{ "Attributes.1.Name": "DelaySeconds", "Attributes.1.Value": "7" }],
    [{ "Attributes.entry.1.key": "DelaySeconds", "Attributes.entry.1.value": "7" }],
  ])("%j", async (parameters) => {
    expect(await result("SetQueueAttributes", { QueueUrl: "q", ...parameters })).toBeUndefined();
    expect(await attributesOf({ AttributeName: "DelaySeconds" })).toContain("<Value>7</Value>");
  });

  test("an item of a map needs a name, once; a value that is not there is empty", async () => {
    const set = (parameters: Record<string, string>): Promise<SqsReply> =>
      ask("SetQueueAttributes", { QueueUrl: "q", ...parameters });
    expect((await set({ "Attribute.1.Value": "7" })).text).toBe(
      errorXml(
        "Sender",
        "MissingParameter",
        "The request must contain the parameter Attribute.Name.",
      ),
    );
    expect((await set({ "Attribute.1.Name": "Policy" })).status).toBe(200);
    const twice = { "Attribute.1.Name": "Policy", "Attribute.2.Name": "Policy" };
    expect((await set(twice)).text).toContain("Attribute has the same Name twice.");
  });

  test("an empty batch is told as such", async () => {
    const message = "There should be at least one SendMessageBatchRequestEntry in the request.";
    const expected = errorXml("Sender", "AWS.SimpleQueueService.EmptyBatchRequest", message);
    for (const parameters of [{}, { Entries: "" }, { SendMessageBatchRequestEntry: "" }]) {
      const reply = await ask("SendMessageBatch", { QueueUrl: "q", ...parameters });
      expect(reply.text).toBe(expected);
    }
  });
});

describe("answers", () => {
  test("an action without output has no result element", async () => {
    expect(await result("PurgeQueue", { QueueUrl: "q" })).toBeUndefined();
    expect(await result("DeleteQueue", { QueueUrl: "q" })).toBeUndefined();
  });

  test("queues are listed one element each, with a token for more", async () => {
    await sqs.createQueue("r");
    expect(await result("ListQueues")).toBe(
      `<QueueUrl>${QUEUES_URL}/q</QueueUrl><QueueUrl>${QUEUES_URL}/r</QueueUrl>`,
    );
    expect(await result("ListQueues", { MaxResults: "1" })).toBe(
      `<QueueUrl>${QUEUES_URL}/q</QueueUrl><NextToken>cQ==</NextToken>`,
    );
    expect(await result("ListQueues", { QueueNamePrefix: "zz" })).toBe("");
  });

  test("a message with attributes goes in and comes out", async () => {
    const sent = await result("SendMessage", {
      QueueUrl: "q",
      MessageBody: "test",
      "MessageAttribute.1.Name": "General",
      "MessageAttribute.1.Value.StringValue": "Kenobi",
      "MessageAttribute.1.Value.DataType": "String",
      "MessageAttribute.2.Name": "raw",
      "MessageAttribute.2.Value.BinaryValue": "AAH/",
      "MessageAttribute.2.Value.DataType": "Binary.x",
      "MessageSystemAttribute.1.Name": "AWSTraceHeader",
      "MessageSystemAttribute.1.Value.StringValue": "Root=1",
      "MessageSystemAttribute.1.Value.DataType": "String",
    });
    expect(masked(sent)).toBe(
      [
        "<MessageId>ID</MessageId><MD5OfMessageBody>MD5</MD5OfMessageBody>",
        "<MD5OfMessageAttributes>MD5</MD5OfMessageAttributes>",
        "<MD5OfMessageSystemAttributes>MD5</MD5OfMessageSystemAttributes>",
      ].join(""),
    );
    const received = await result("ReceiveMessage", {
      QueueUrl: "q",
      "AttributeName.1": "ApproximateReceiveCount",
      "AttributeName.2": "AWSTraceHeader",
      "MessageAttributeName.1": "All",
    });
    expect(masked(received)).toBe(
      [
        "<Message><MessageId>ID</MessageId><ReceiptHandle>mem-1-1-1</ReceiptHandle>",
        "<MD5OfBody>MD5</MD5OfBody><Body>test</Body>",
        "<Attribute><Name>ApproximateReceiveCount</Name><Value>1</Value></Attribute>",
        "<Attribute><Name>AWSTraceHeader</Name><Value>Root=1</Value></Attribute>",
        "<MD5OfMessageAttributes>MD5</MD5OfMessageAttributes>",
        "<MessageAttribute><Name>General</Name>",
        "<Value><StringValue>Kenobi</StringValue><DataType>String</DataType></Value></MessageAttribute>",
        "<MessageAttribute><Name>raw</Name>",
        "<Value><BinaryValue>AAH/</BinaryValue><DataType>Binary.x</DataType></Value></MessageAttribute>",
        "</Message>",
      ].join(""),
    );
  });

  test("MessageSystemAttributeName is the newer name of the list", async () => {
    await sqs.sendMessage(url, "a");
    const received = await result("ReceiveMessage", {
      QueueUrl: "q",
      "MessageSystemAttributeName.1": "SenderId",
    });
    expect(received).toContain("<Name>SenderId</Name><Value>anonymous</Value>");
  });

  test("nothing received is an empty result", async () => {
    expect(await result("ReceiveMessage", { QueueUrl: "q" })).toBe("");
  });

  test("a batch tells its entries apart", async () => {
    const sent = await result("SendMessageBatch", {
      QueueUrl: "q",
      "SendMessageBatchRequestEntry.1.Id": "a",
      "SendMessageBatchRequestEntry.1.MessageBody": "test",
      "SendMessageBatchRequestEntry.2.Id": "b",
      "SendMessageBatchRequestEntry.2.MessageBody": "x",
      "SendMessageBatchRequestEntry.2.DelaySeconds": "901",
      "SendMessageBatchRequestEntry.3.Id": "c",
      "SendMessageBatchRequestEntry.3.MessageBody": "x",
      "SendMessageBatchRequestEntry.3.MessageAttribute.1.Name": "k",
      "SendMessageBatchRequestEntry.3.MessageAttribute.1.Value.DataType": "String",
      "SendMessageBatchRequestEntry.3.MessageAttribute.1.Value.StringValue": "x",
    });
    expect(masked(sent)).toBe(
      [
        "<SendMessageBatchResultEntry><Id>a</Id><MessageId>ID</MessageId>",
        "<MD5OfMessageBody>MD5</MD5OfMessageBody></SendMessageBatchResultEntry>",
        "<SendMessageBatchResultEntry><Id>c</Id><MessageId>ID</MessageId>",
        "<MD5OfMessageBody>MD5</MD5OfMessageBody><MD5OfMessageAttributes>MD5</MD5OfMessageAttributes>",
        "</SendMessageBatchResultEntry>",
        "<BatchResultErrorEntry><Id>b</Id><SenderFault>true</SenderFault>",
        "<Code>InvalidParameterValue</Code><Message>Value 901 for parameter DelaySeconds is invalid. ",
        "Reason: DelaySeconds must be &gt;= 0 and &lt;= 900.</Message></BatchResultErrorEntry>",
      ].join(""),
    );
    await result("ReceiveMessage", { QueueUrl: "q" });
    const handles = {
      "DeleteMessageBatchRequestEntry.1.Id": "a",
      "DeleteMessageBatchRequestEntry.1.ReceiptHandle": "mem-1-1-1",
    };
    expect(await result("DeleteMessageBatch", { QueueUrl: "q", ...handles })).toBe(
      "<DeleteMessageBatchResultEntry><Id>a</Id></DeleteMessageBatchResultEntry>",
    );
    const changes = {
      "ChangeMessageVisibilityBatchRequestEntry.1.Id": "a",
      "ChangeMessageVisibilityBatchRequestEntry.1.ReceiptHandle": "?",
      "ChangeMessageVisibilityBatchRequestEntry.1.VisibilityTimeout": "3",
    };
    expect(await result("ChangeMessageVisibilityBatch", { QueueUrl: "q", ...changes })).toContain(
      "<BatchResultErrorEntry><Id>a</Id><SenderFault>true</SenderFault><Code>ReceiptHandleIsInvalid</Code>",
    );
  });

  test("what XML would change is escaped; a carriage return and quotes too", async () => {
    await sqs.sendMessage(url, `<a b="c">&'\r\n\t`);
    expect(await result("ReceiveMessage", { QueueUrl: "q" })).toContain(
      "<Body>&lt;a b=&quot;c&quot;&gt;&amp;'&#xD;\n\t</Body>",
    );
  });

  test("what XML cannot carry is replaced, under a digest of what is shown", async () => {
    const context = { principal: "native", signal: new AbortController().signal };
    const body = encodeUtf8("a\u0001b");
    await sqs.broker.send(context, "q", [{ body, attributes: [] }]);
    // md5 of "a\ufffdb"
    expect(await result("ReceiveMessage", { QueueUrl: "q", VisibilityTimeout: "0" })).toContain(
      "<MD5OfBody>ff6405018d5ab2642e35fdba389b7c51</MD5OfBody><Body>a\ufffdb</Body>",
    );
    const json = await sqs.call("ReceiveMessage", { QueueUrl: url });
    expect(json.output["Messages"]).toMatchObject([{ Body: "a\u0001b" }]);
  });

  test("an answer that went stale is an empty one", async () => {
    await sqs.sendMessage(url, "a");
    const { response } = await ask("ReceiveMessage", { QueueUrl: "q" });
    expect(resultOf("ReceiveMessage", String(response.handover?.stale.body))).toBe("");
    response.handover?.undelivered();
    expect(await result("ReceiveMessage", { QueueUrl: "q" })).toContain("<Body>a</Body>");
  });
});

describe("errors", () => {
  test("a queue that is not there has the older text", async () => {
    const reply = await ask("GetQueueUrl", { QueueName: "nothing" });
    expect([reply.status, reply.text]).toEqual([
      400,
      errorXml(
        "Sender",
        "AWS.SimpleQueueService.NonExistentQueue",
        "The specified queue does not exist for this wsdl version.",
      ),
    ]);
    expect(reply.headers).toEqual({ "Content-Type": "text/xml", "x-amzn-RequestId": ID });
  });

  test("statuses are those of the table, whatever the client says", async () => {
    const parameters = { QueueUrl: "q", ReceiptHandle: '"x"' };
    const reply = await ask("DeleteMessage", parameters);
    expect(reply.status).toBe(404);
    expect(reply.text).toContain(
      "The input receipt handle &quot;&quot;x&quot;&quot; is not a valid receipt handle.",
    );
  });

  test("what the listener refuses has this shape too", () => {
    const head = {
      method: "POST",
      path: "/",
      query: "",
      header: (name: string) =>
        name === "content-type" ? "application/x-www-form-urlencoded" : undefined,
    };
    const busy = sqs.api.refuse?.(head, { reason: "busy" });
    expect([busy?.status, busy?.body]).toEqual([
      503,
      errorXml("Receiver", "ServiceUnavailable", "Too many requests are being read. Try again."),
    ]);
  });
});

const METADATA = {
  ResponseMetadata: { RequestId: "00000000-0000-4000-8000-0000000000aa" },
};

describe("an answer in JSON", () => {
  const accept = { accept: "application/json" };

  test.each<[string, unknown]>([
    ["Action=ListQueues", { ListQueuesResponse: { ListQueuesResult: {}, ...METADATA } }],
    ["Action=DeleteQueue&QueueUrl=q", { DeleteQueueResponse: METADATA }],
  ])("is given to GET %s", async (query, expected) => {
    const sqs = new SqsCaller();
    if (query.includes("QueueUrl")) await sqs.createQueue("q");
    const reply = await sqs.query(query, { method: "GET" }, accept);
    expect(reply.headers["Content-Type"]).toBe("application/json");
    expect(JSON.parse(reply.text)).toEqual(expected);
  });

  test("is given to nobody who posts a form, or who does not ask for it", async () => {
    const sqs = new SqsCaller();
    const posted = await sqs.query({ Action: "ListQueues" }, {}, accept);
    const plain = await sqs.query("Action=ListQueues", { method: "GET" }, { accept: "*/*" });
    for (const { text } of [posted, plain]) expect(text).toMatch(/^<\?xml/);
  });
});
