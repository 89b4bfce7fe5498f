/**
 * NATS JetStream by a hand-written client that does the least: one socket, publishes of a batch in one
 * write with numbered reply subjects, pull requests of thousands, acknowledgements of a batch in one
 * write. It shows what the server can do when the client costs next to nothing.
 */
import { connect, type Socket } from "node:net";
import type { Batch, Driver } from "../driver.ts";
import { NO_MESSAGES } from "../driver.ts";
import { Arrivals } from "./arrivals.ts";

const CRLF = Buffer.from("\r\n");
const PULL = 5_000;
const PULL_EXPIRES_NS = 30_000_000_000;

interface Arrived {
  readonly body: Uint8Array;
  readonly reply: string;
}

interface Frame {
  readonly subject: string;
  /** The subscription: a pulled message comes under the stream's own subject. */
  readonly pulled: boolean;
  readonly reply: string;
  readonly status: number;
  readonly payload: Buffer;
}

export class NatsMinimalDriver implements Driver {
  readonly #servers: readonly string[];
  readonly #replicas: number;
  readonly #arrivals = new Arrivals<Arrived>();
  readonly #asked = new Map<string, (payload: Buffer) => void>();
  #socket: Socket | undefined;
  #rest: Buffer = Buffer.alloc(0);
  #queue = "";
  #serial = 0;
  /** Messages that were asked for and have not come. */
  #credit = 0;
  #pulling = false;
  #pullTimer: NodeJS.Timeout | undefined;

  constructor(servers: readonly string[], replicas: number) {
    this.#servers = servers;
    this.#replicas = replicas;
  }

  /** Connects to the server that leads the stream: one hop less for every publish. */
  async open(queue: string): Promise<void> {
    this.#queue = queue;
    await this.#connect(this.#servers[0] ?? "127.0.0.1:4222");
    const created = await this.#create(queue);
    const leader = leaderOf(created);
    const place = Number(leader?.slice(1) ?? 0);
    if (place === 0) return;
    this.#socket?.destroy();
    await this.#connect(this.#servers[place] ?? "127.0.0.1:4222");
  }

  async #create(queue: string): Promise<Record<string, unknown>> {
    const created = await this.#api(`STREAM.CREATE.${queue}`, {
      name: queue,
      subjects: [queue],
      retention: "workqueue",
      storage: "file",
      num_replicas: this.#replicas,
      max_age: 0,
    });
    await this.#api(`CONSUMER.DURABLE.CREATE.${queue}.workers`, {
      stream_name: queue,
      config: {
        durable_name: "workers",
        ack_policy: "explicit",
        deliver_policy: "all",
        replay_policy: "instant",
        max_ack_pending: 50_000,
        max_waiting: 512,
      },
    });
    return created;
  }

  async #connect(server: string): Promise<void> {
    const [host = "127.0.0.1", port = "4222"] = server.split(":");
    const socket = connect({ host, port: Number(port), noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", () => resolve());
      socket.once("error", reject);
    });
    socket.on("error", () => undefined);
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    const hello = { verbose: false, pedantic: false, headers: true, no_responders: true };
    socket.write(`CONNECT ${JSON.stringify(hello)}\r\nSUB _A.* 1\r\nSUB _M 2\r\n`);
  }

  async #api(subject: string, request: object): Promise<Record<string, unknown>> {
    const payload = Buffer.from(JSON.stringify(request));
    const answer = await this.#ask(`$JS.API.${subject}`, [payload]);
    const parsed: Record<string, unknown> = JSON.parse(answer.toString());
    if ("error" in parsed) throw new Error(`${subject}: ${JSON.stringify(parsed["error"])}`);
    return parsed;
  }

  async #ask(subject: string, payloads: readonly Uint8Array[]): Promise<Buffer> {
    let last: Buffer = Buffer.alloc(0);
    let left = payloads.length;
    await new Promise<void>((resolve) => {
      const parts: Uint8Array[] = [];
      for (const payload of payloads) {
        this.#serial += 1;
        const reply = `_A.${this.#serial.toString(36)}`;
        parts.push(Buffer.from(`PUB ${subject} ${reply} ${payload.length}\r\n`), payload, CRLF);
        this.#asked.set(reply, (answer) => {
          last = answer;
          left -= 1;
          if (left === 0) resolve();
        });
      }
      this.#socket?.write(Buffer.concat(parts));
    });
    return last;
  }

  async send(bodies: readonly Uint8Array[]): Promise<void> {
    await this.#ask(this.#queue, bodies);
  }

  async receive(max: number, waitMs: number): Promise<Batch> {
    this.#pulling = true;
    if (this.#credit < PULL / 2) this.#pull();
    const messages = await this.#arrivals.take(max, waitMs);
    if (messages.length === 0) return NO_MESSAGES;
    return {
      bodies: messages.map((message) => message.body),
      acknowledge: () => {
        this.#socket?.write(messages.map(({ reply }) => `PUB ${reply} 4\r\n+ACK\r\n`).join(""));
        return Promise.resolve();
      },
    };
  }

  #pull(): void {
    this.#credit += PULL;
    const request = JSON.stringify({ batch: PULL, expires: PULL_EXPIRES_NS });
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${this.#queue}.workers`;
    this.#socket?.write(`PUB ${subject} _M ${request.length}\r\n${request}\r\n`);
    clearTimeout(this.#pullTimer);
    // A request that ran out took its credit with it.
    this.#pullTimer = setTimeout(() => {
      this.#credit = 0;
      if (this.#pulling) this.#pull();
    }, PULL_EXPIRES_NS / 1e6).unref();
  }

  #pullAgain(): void {
    if (this.#pulling && this.#credit < PULL / 2) this.#pull();
  }

  #onData(chunk: Buffer): void {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const end = data.indexOf(CRLF);
      if (end < 0) break;
      const line = data.toString("latin1", 0, end);
      if (!line.startsWith("MSG") && !line.startsWith("HMSG")) {
        if (line.startsWith("PING")) this.#socket?.write("PONG\r\n");
        data = data.subarray(end + 2);
        continue;
      }
      const words = line.split(" ");
      const total = Number(words.at(-1));
      if (data.length < end + 2 + total + 2) break;
      this.#onFrame(frameOf(words, data.subarray(end + 2, end + 2 + total)));
      data = data.subarray(end + 2 + total + 2);
    }
    this.#rest = data;
  }

  #onFrame({ subject, pulled, reply, status, payload }: Frame): void {
    if (pulled) {
      if (status !== 0) {
        this.#credit = 0;
        // 503: the consumer has no leader yet.
        setTimeout(() => this.#pullAgain(), status === 503 ? 50 : 0);
        return;
      }
      this.#credit -= 1;
      this.#arrivals.push({ body: payload, reply });
      this.#pullAgain();
      return;
    }
    // 503: no server takes the stream's messages yet; a confirmation is a payload of JSON.
    if (status !== 0) throw new Error(`${subject} was answered with status ${status}`);
    const done = this.#asked.get(subject);
    this.#asked.delete(subject);
    done?.(payload);
  }

  async depth(): Promise<number> {
    const info = await this.#api(`STREAM.INFO.${this.#queue}`, {});
    const state = info["state"];
    if (typeof state !== "object" || state === null || !("messages" in state)) return 0;
    return Number(state.messages);
  }

  close(): Promise<void> {
    clearTimeout(this.#pullTimer);
    this.#pulling = false;
    this.#socket?.destroy();
    return Promise.resolve();
  }
}

/** The name of the stream's leader in an answer about it. */
function leaderOf(info: Record<string, unknown>): string | undefined {
  const cluster = info["cluster"];
  if (typeof cluster !== "object" || cluster === null || !("leader" in cluster)) return undefined;
  return typeof cluster.leader === "string" ? cluster.leader : undefined;
}

/** `MSG subject sid [reply] bytes` or `HMSG subject sid [reply] headerBytes bytes`. */
function frameOf(words: readonly string[], data: Buffer): Frame {
  const headed = words[0] === "HMSG";
  const hasReply = words.length === (headed ? 6 : 5);
  const headerBytes = headed ? Number(words.at(-2)) : 0;
  const header = headed ? data.toString("latin1", 0, headerBytes) : "";
  const status = Number(/^NATS\/1\.0 (\d+)/.exec(header)?.[1] ?? 0);
  return {
    subject: words[1] ?? "",
    pulled: words[2] === "2",
    reply: hasReply ? (words[3] ?? "") : "",
    status,
    payload: data.subarray(headerBytes),
  };
}
