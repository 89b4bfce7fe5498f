/** What a FIFO queue of the in-memory broker does otherwise: groups in turn, repeated sends, tried-again receives. */
import { createHash } from "node:crypto";
import type { NewMessage, QueueAttributes, ReceiveOptions } from "../broker.ts";
import type { MemoryGrant, MemoryMessage } from "./memory-queue.ts";

const WINDOW_MS = 300_000;

interface Attempt {
  readonly atMs: number;
  readonly deadlineMs: number;
  readonly grants: readonly MemoryGrant[];
}

export class MemoryFifo {
  /** When each group was served last, by count. */
  readonly #served = new Map<string, number>();
  #serving = 0;
  readonly #sends = new Map<string, { readonly atMs: number; readonly message: MemoryMessage }>();
  readonly #attempts = new Map<string, Attempt>();

  /** The message, or the one that it repeats. */
  sendOnce(
    nowMs: number,
    send: {
      readonly fifo: NonNullable<QueueAttributes["fifo"]>;
      readonly content: NewMessage;
    },
    store: (content: NewMessage) => MemoryMessage,
  ): MemoryMessage {
    const { body, groupId = "" } = send.content;
    const deduplicationId =
      send.content.deduplicationId ?? createHash("sha256").update(body).digest("hex");
    const isNarrow = send.fifo.deduplicationScope === "messageGroup";
    const key = isNarrow ? `${groupId}\0${deduplicationId}` : deduplicationId;
    const known = this.#sends.get(key);
    if (known !== undefined && known.atMs + WINDOW_MS > nowMs) return known.message;
    const message = store({ ...send.content, deduplicationId });
    this.#sends.set(key, { atMs: nowMs, message });
    return message;
  }

  /** The visible runs at the fronts of the groups, the group that has waited longest first. */
  available(messages: readonly MemoryMessage[], most: number): MemoryMessage[] {
    const groups = new Map<string, MemoryMessage[]>();
    for (const message of messages) {
      const group = message.content.groupId ?? "";
      const members = groups.get(group);
      if (members === undefined) groups.set(group, [message]);
      else members.push(message);
    }
    const order = [...groups].sort(
      ([a, inA], [b, inB]) =>
        (this.#served.get(a) ?? 0) - (this.#served.get(b) ?? 0) ||
        (inA[0]?.sequence ?? 0) - (inB[0]?.sequence ?? 0),
    );
    const runs = order.flatMap(([, members]) => {
      const end = members.findIndex(({ hiddenBy }) => hiddenBy !== "nothing");
      return end < 0 ? members : members.slice(0, end);
    });
    // Buried ones make room for more.
    return runs.slice(0, most + 100);
  }

  granted(nowMs: number, options: ReceiveOptions, grants: readonly MemoryGrant[]): void {
    for (const { message } of grants) {
      this.#serving += 1;
      this.#served.set(message.content.groupId ?? "", this.#serving);
    }
    const [first] = grants;
    if (options.attemptId === undefined || first === undefined || first.leaseMs === 0) return;
    const deadlineMs = first.message.visibleAtMs;
    this.#attempts.set(options.attemptId, { atMs: nowMs, deadlineMs, grants });
  }

  /** What the attempt was granted before, if nothing was done with it: under the same leases, which begin anew. */
  repeat(
    nowMs: number,
    options: ReceiveOptions,
    holds: (grant: MemoryGrant) => boolean,
  ): MemoryGrant[] | undefined {
    const id = options.attemptId;
    const attempt = id === undefined ? undefined : this.#attempts.get(id);
    if (id === undefined || attempt === undefined) return undefined;
    const { atMs, deadlineMs, grants } = attempt;
    const isUntouched = grants.every(
      (grant) => holds(grant) && grant.message.visibleAtMs === deadlineMs,
    );
    if (!isUntouched || atMs + WINDOW_MS <= nowMs) return undefined;
    for (const { message, leaseMs } of grants) {
      message.visibleAtMs = nowMs + leaseMs;
      message.receivedAtMs = nowMs;
    }
    const [first] = grants;
    const again = { atMs: nowMs, deadlineMs: first?.message.visibleAtMs ?? 0, grants };
    this.#attempts.set(id, again);
    return [...grants];
  }
}
