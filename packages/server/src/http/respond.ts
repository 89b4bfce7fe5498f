/** Writing a plain answer, and telling its handler whether the client can have got it. */

import type { PlainResponse } from "../exchange.ts";
import type { NodeResponse } from "./node-types.ts";

export interface RespondOptions {
  /** Asks the client to connect anew, as a node does that is stopping. */
  readonly lastOnConnection: boolean;
  /** A client that takes nothing for so long is cut off. */
  readonly writeTimeoutMs: number;
}

/** Writes `answer`; a stale one is replaced. */
export function respond(
  response: NodeResponse,
  answer: PlainResponse,
  options: RespondOptions,
): void {
  const { handover } = answer;
  if (isGone(response) || response.writableEnded) {
    handover?.undelivered();
    return;
  }
  if (handover === undefined) {
    write(response, answer, options);
  } else if (handover.stillFresh()) {
    settleHandover(response, handover);
    write(response, answer, options);
  } else {
    handover.undelivered();
    write(response, handover.stale, options);
  }
}

/** The connection, or the HTTP/2 stream, is over: nobody will see an answer. */
export function isGone(response: NodeResponse): boolean {
  return "stream" in response ? response.stream.destroyed : response.destroyed;
}

function write(response: NodeResponse, answer: PlainResponse, options: RespondOptions): void {
  const { body } = answer;
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  const headers: Record<string, string | number> = { ...answer.headers, "Content-Length": length };
  // HTTP/2 has no such header: there the session says that it is going.
  if (options.lastOnConnection && response.req.httpVersionMajor === 1)
    headers["Connection"] = "close";
  response.writeHead(answer.status, headers);
  if (length === 0) response.end();
  else response.end(body);
  // What the operating system took at once needs no watching.
  const waiting = "stream" in response ? response.stream.writableLength : response.writableLength;
  if (waiting > 0) response.setTimeout(options.writeTimeoutMs, () => response.destroy());
}

/**
 * "finish" comes when all bytes were handed to the operating system, but also when the socket died
 * over them: then it is destroyed already. Our listener goes first, since Node's own closes the socket.
 */
function settleHandover(
  response: NodeResponse,
  handover: NonNullable<PlainResponse["handover"]>,
): void {
  let settled = false;
  const settle = (written: boolean): void => {
    if (settled) return;
    settled = true;
    if (written) handover.written();
    else handover.undelivered();
  };
  response.prependListener("finish", () => settle(isOut(response)));
  response.prependListener("close", () => settle(false));
}

function isOut(response: NodeResponse): boolean {
  if (!("stream" in response)) {
    const { socket } = response;
    return socket !== null && !socket.destroyed && socket.errored === null;
  }
  // HTTP/2 tells "finish" at the stream's close, however it came about: 0 is a stream that ended well.
  return response.stream.writableFinished && response.stream.rstCode === 0;
}
