/** One HTTP request, over connections that are kept; a caller that hangs up when it takes too long. */
import { Agent, request as send } from "node:http";

export interface HttpAnswer {
  /** 0 when there was no answer: this caller hung up, or the node closed the connection. */
  readonly status: number;
  readonly text: string;
}

export interface HttpRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** A mutated long poll waits for longer than a fuzzer has time. */
const PATIENCE_MS = 250;
const NO_ANSWER: HttpAnswer = { status: 0, text: "" };

const agent = new Agent({ keepAlive: true, maxSockets: 4 });

export function request(port: number, { path, headers, body }: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve) => {
    const options = { host: "127.0.0.1", port, path, method: "POST", headers, agent };
    const sent = send(options, (response) => {
      const chunks: Uint8Array[] = [];
      response.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
      );
      response.on("error", () => resolve(NO_ANSWER));
    });
    sent.setTimeout(PATIENCE_MS, () => sent.destroy());
    sent.on("error", () => resolve(NO_ANSWER));
    sent.end(body);
  });
}
