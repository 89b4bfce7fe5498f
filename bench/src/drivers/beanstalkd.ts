/** beanstalkd by its text protocol: puts, reserves and deletes of a batch in one write each. */
import { connect, type Socket } from "node:net";
import type { Batch, Driver } from "../driver.ts";
import { NO_MESSAGES } from "../driver.ts";

const TTR_SECONDS = 60;

/** One connection; answers come in the order of the requests. */
class Line {
  readonly #socket: Socket;
  readonly #expected: ((answer: { head: string; body: Buffer }) => void)[] = [];
  #rest: Buffer = Buffer.alloc(0);

  constructor(port: number) {
    this.#socket = connect({ host: "127.0.0.1", port, noDelay: true });
    this.#socket.on("error", () => undefined);
    this.#socket.on("data", (chunk: Buffer) => this.#onData(chunk));
  }

  ask(requests: readonly Uint8Array[]): Promise<{ head: string; body: Buffer }[]> {
    return new Promise((resolve) => {
      const answers: { head: string; body: Buffer }[] = [];
      for (const _ of requests) {
        this.#expected.push((answer) => {
          answers.push(answer);
          if (answers.length === requests.length) resolve(answers);
        });
      }
      this.#socket.write(Buffer.concat(requests));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const end = data.indexOf("\r\n");
      if (end < 0) break;
      const head = data.toString("latin1", 0, end);
      const bytes = /^(RESERVED \d+|OK) (\d+)$/.exec(head)?.[2];
      const length = bytes === undefined ? 0 : Number(bytes) + 2;
      if (data.length < end + 2 + length) break;
      const body = data.subarray(end + 2, end + 2 + Math.max(0, length - 2));
      data = data.subarray(end + 2 + length);
      this.#expected.shift()?.({ head, body });
    }
    this.#rest = data;
  }
}

export class BeanstalkdDriver implements Driver {
  readonly #sending: Line;
  readonly #done: Line;
  readonly #port: number;
  readonly #idle: Line[] = [];
  #queue = "";

  constructor(port: number) {
    this.#port = port;
    this.#sending = new Line(port);
    this.#done = new Line(port);
  }

  async open(queue: string): Promise<void> {
    this.#queue = queue;
    await this.#sending.ask([Buffer.from(`use ${queue}\r\n`)]);
  }

  async send(bodies: readonly Uint8Array[]): Promise<void> {
    await this.#sending.ask(
      bodies.map((body) =>
        Buffer.concat([
          Buffer.from(`put 0 0 ${TTR_SECONDS} ${body.length}\r\n`),
          body,
          Buffer.from("\r\n"),
        ]),
      ),
    );
  }

  /** A reserve that waits blocks its connection, so every receiver has one. */
  async receive(max: number, waitMs: number): Promise<Batch> {
    let line = this.#idle.pop();
    if (line === undefined) {
      line = new Line(this.#port);
      await line.ask([Buffer.from(`watch ${this.#queue}\r\n`)]);
    }
    const wait = Buffer.from(`reserve-with-timeout ${Math.ceil(waitMs / 1_000)}\r\n`);
    const now = Buffer.from("reserve-with-timeout 0\r\n");
    const answers = await line.ask([wait, ...Array.from({ length: max - 1 }, () => now)]);
    const got = answers.filter(({ head }) => head.startsWith("RESERVED"));
    if (got.length === 0) {
      this.#idle.push(line);
      return NO_MESSAGES;
    }
    const holder = line;
    return {
      bodies: got.map(({ body }) => body),
      // Only the connection that reserved a job may delete it.
      acknowledge: async () => {
        await holder.ask(got.map(({ head }) => Buffer.from(`delete ${head.split(" ")[1]}\r\n`)));
        this.#idle.push(holder);
      },
    };
  }

  async depth(): Promise<number> {
    const [answer] = await this.#done.ask([Buffer.from(`stats-tube ${this.#queue}\r\n`)]);
    return Number(/current-jobs-ready: (\d+)/.exec(answer?.body.toString() ?? "")?.[1] ?? 0);
  }

  close(): Promise<void> {
    for (const line of [this.#sending, this.#done, ...this.#idle]) line.close();
    return Promise.resolve();
  }
}
