/** The SQS API on an in-memory broker, or on a real engine, called with values: what tests of its actions use. */
import { encodeUtf8 } from "@kqueuey/base";
import type { KQueueyError } from "@kqueuey/contract";
import type { SqsSettings } from "../api/sqs/call.ts";
import { createSqsApi, type SqsPorts } from "../api/sqs/sqs-api.ts";
import type { PlainHandler, PlainRequest, PlainResponse } from "../exchange.ts";
import { nodeDigests } from "../node/digests.ts";
import { MemoryBroker } from "./memory-broker.ts";
import type { OneNode } from "./one-node.ts";
import { ManualClock } from "./timer-clock.ts";

/** An answer, its body parsed. */
export interface SqsReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The members of the body; empty for an empty body. */
  readonly output: Readonly<Record<string, unknown>>;
  readonly response: PlainResponse;
}

export const QUEUES_URL = "http://sqs.test:9324/000000000000";

/** Time that a test moves on. */
interface MovableClock {
  nowMs(): number;
  advance(ms: number): void;
}

interface CallerOptions extends Pick<SqsPorts, "authenticate"> {
  /** The engine to ask, instead of the broker in memory. */
  readonly node?: OneNode;
}

export class SqsCaller {
  readonly clock: MovableClock;
  /** Asked unless there is a node. */
  readonly broker: MemoryBroker;
  readonly #node: OneNode | undefined;
  readonly faults: KQueueyError[] = [];
  readonly api: PlainHandler;

  constructor(options: CallerOptions = {}, settings: Partial<SqsSettings> = {}) {
    const { node, ...ports } = options;
    const clock = new ManualClock();
    this.broker = new MemoryBroker(clock);
    this.clock = node ?? clock;
    this.#node = node;
    this.api = createSqsApi(
      {
        broker: node?.broker ?? this.broker,
        digests: nodeDigests,
        newRequestId: () => "00000000-0000-4000-8000-0000000000aa",
        onFault: (error) => this.faults.push(error),
        ...ports,
      },
      settings,
    );
  }

  /** One request of the JSON protocol, as SDKs send it. */
  async call(
    action: string,
    input: unknown,
    headers: Readonly<Record<string, string>> = {},
    signal: AbortSignal = new AbortController().signal,
  ): Promise<SqsReply> {
    return this.send(
      encodeUtf8(typeof input === "string" ? input : JSON.stringify(input)),
      {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": `AmazonSQS.${action}`,
        "x-amzn-query-mode": "true",
        host: "sqs.test:9324",
        ...headers,
      },
      signal,
    );
  }

  /** One request of the Query protocol: `parameters` as a form, unless the method is GET. */
  async query(
    parameters: Readonly<Record<string, string>> | string,
    line: { readonly method?: string; readonly path?: string; readonly query?: string } = {},
    headers: Readonly<Record<string, string>> = {},
  ): Promise<SqsReply> {
    const text =
      typeof parameters === "string" ? parameters : new URLSearchParams(parameters).toString();
    const isGet = line.method === "GET";
    return this.request({
      method: "POST",
      path: "/",
      query: isGet ? text : "",
      ...line,
      header: headersOf({
        host: "sqs.test:9324",
        ...(isGet ? {} : { "content-type": "application/x-www-form-urlencoded; charset=utf-8" }),
        ...headers,
      }),
      body: encodeUtf8(isGet ? "" : text),
      signal: new AbortController().signal,
    });
  }

  /** Any request to "/". */
  async send(
    body: Uint8Array,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<SqsReply> {
    const header = headersOf(headers);
    return this.request({ method: "POST", path: "/", query: "", header, body, signal });
  }

  /** Any request. */
  async request(request: PlainRequest): Promise<SqsReply> {
    await this.#node?.settle();
    const response = await this.api.handle(request);
    const text = String(response.body);
    const isJson = response.headers["Content-Type"] === "application/x-amz-json-1.0";
    const output = isJson && text !== "" ? JSON.parse(text) : {};
    return { status: response.status, headers: response.headers, text, output, response };
  }

  /** Creates a queue and gives its URL. */
  async createQueue(name: string, attributes: Record<string, string> = {}): Promise<string> {
    const reply = await this.call("CreateQueue", { QueueName: name, Attributes: attributes });
    if (reply.status !== 200) throw new Error(reply.text);
    return String(reply.output["QueueUrl"]);
  }

  /** Sends one message of that body. */
  async sendMessage(url: string, body: string): Promise<SqsReply> {
    return this.call("SendMessage", { QueueUrl: url, MessageBody: body });
  }

  /** Receives one message and gives its handle. */
  async receiveHandle(url: string, input: Record<string, unknown> = {}): Promise<string> {
    const reply = await this.call("ReceiveMessage", { QueueUrl: url, ...input });
    const messages: unknown = reply.output["Messages"];
    const first: unknown = Array.isArray(messages) ? messages[0] : undefined;
    if (typeof first !== "object" || first === null || !("ReceiptHandle" in first)) {
      throw new Error(`nothing received: ${reply.text}`);
    }
    return String(first.ReceiptHandle);
  }
}

function headersOf(headers: Readonly<Record<string, string>>): PlainRequest["header"] {
  return (name) => headers[name];
}

/** What the JSON protocol's error body is for `type` and `message`. */
export function errorOutput(type: string, message: string): Record<string, string> {
  return { __type: type, message };
}
