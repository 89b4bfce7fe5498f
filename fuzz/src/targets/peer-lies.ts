/**
 * Frames of a peer that proved who it is, into a running cluster: real ones, changed. No node stops for them, and
 * what was acknowledged before is there after. Raft believes its leader, so a changed entry of the leader's is
 * not among them: nothing short of signatures could tell it from a true one.
 */
import { assert, groupId } from "@kqueuey/base";
import { queueId } from "@kqueuey/queue";
import { encodeCommand, type TestCommand } from "../../../packages/queue/test/driver.ts";
import { decodeFrame } from "../../../packages/replica/src/wire/frame.ts";
import { decodeRaftMessage } from "../../../packages/replica/src/wire/raft-message.ts";
import { Decisions } from "../decisions.ts";
import { numberBytes } from "../mutate.ts";
import { joined } from "../samples.ts";
import { promise, type Target } from "../target.ts";
import { Trio } from "../trio.ts";

const FRAMES_MAX = 12;
const MESSAGES = 5;
const ANSWER_LIMIT_MS = 60_000;

export const peerLies: Target = {
  name: "peer-lies",
  promise: "A peer's changed frames stop no node, and what was acknowledged is still there.",
  smokeInputs: 8,
  open: () => ({ samples: samples(), run }),
};

/** The input: for each frame who says it to whom, how long it is, and the frame. */
function run(input: Uint8Array): void {
  const trio = founded();
  trio.recording = false;
  const decisions = new Decisions(input);
  for (let count = 0; count < FRAMES_MAX && !decisions.empty; count++) {
    const way = decisions.byte();
    const bytes = decisions.take(decisions.byte() + decisions.byte() * 0x100);
    const from = 1 + (way % 3);
    const to = 1 + ((way + 1 + (Math.floor(way / 3) % 2)) % 3);
    if (!isBelieved(bytes)) trio.say(from, to, bytes);
    trio.run(20 + (way % 8) * 40);
  }
  promise(trio.death === undefined, `a node stopped: ${trio.death}`);
  const settled = (): boolean => trio.leader !== 0;
  promise(trio.runUntil(settled, ANSWER_LIMIT_MS), "no leader is found any more");
  const reply = trio.ask(1, { kind: "describe", queueId: queueId(1) }, ANSWER_LIMIT_MS);
  promise(
    reply?.kind === "described",
    `the queue can't be described: ${reply?.kind ?? "no answer"}`,
  );
  const waiting = (reply.view?.available ?? 0) + (reply.view?.inFlight ?? 0);
  promise(waiting >= MESSAGES, `${waiting} of ${MESSAGES} messages are there`);
  promise(trio.death === undefined, `a node stopped: ${trio.death}`);
}

/**
 * What raft takes from its leader as true: entries, and how far they are committed. A request of a peer counts too
 * if it is a command: it is carried out, as it would be for any client.
 */
function isBelieved(bytes: Uint8Array): boolean {
  const frame = decodeFrame(bytes);
  if (frame?.kind === "request") return true;
  if (frame?.kind === "hash") return true;
  if (frame?.kind !== "raft") return false;
  return frame.packets.some((packet) => {
    const message = decodeRaftMessage(packet.message);
    return message?.kind === "append-request" || message?.kind === "append-accepted";
  });
}

/** A cluster with a queue and messages in it. The same each time. */
function founded(): Trio {
  const trio = new Trio(3);
  assert(
    trio.runUntil(() => trio.leader !== 0, 30_000),
    "a leader in time",
  );
  const story: readonly TestCommand[] = [
    { op: "create", queue: 1, attributes: {} },
    { op: "send", queue: 1, messages: Array.from({ length: MESSAGES }, () => ({ size: 20 })) },
  ];
  for (const command of story) {
    const request = { kind: "command", command: encodeCommand(command) } as const;
    const reply = trio.ask(2, request, 30_000);
    assert(reply?.kind === "outcome", `the story goes on: ${JSON.stringify(reply)}`);
  }
  return trio;
}

/** What the three said to each other, each frame once, alone and several in a row. */
function samples(): readonly Uint8Array[] {
  const trio = founded();
  const kinds = new Map<string, Uint8Array>();
  for (const { from, to, bytes } of trio.recorded) {
    const way = from - 1 + ((to - from + 3) % 3 === 1 ? 0 : 3);
    const step = joined([Uint8Array.of(way), numberBytes(bytes.length, 2, "little"), bytes]);
    kinds.set(`${kindOf(bytes)}/${way}`, step);
  }
  const all = [...kinds.values()];
  return [...all, joined(all.slice(0, 6)), joined(all.slice(-6))];
}

function kindOf(bytes: Uint8Array): string {
  const frame = decodeFrame(bytes);
  if (frame?.kind !== "raft") return frame?.kind ?? "none";
  const [packet] = frame.packets;
  if (packet === undefined || packet.group !== groupId(0)) return "raft";
  return decodeRaftMessage(packet.message)?.kind ?? "raft";
}
