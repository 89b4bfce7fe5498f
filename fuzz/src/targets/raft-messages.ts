/** Consensus among liars: a node that is told anything at all stays up and takes nothing back. */
import { incarnation, logIndex, monotonic, nodeId, Prng, term } from "@kqueuey/base";
import { bootstrapMembership, type RaftMessage, raftConfig } from "@kqueuey/raft";
import { createDisk, SimNode } from "../../../packages/raft/test/sim-node.ts";
import {
  decodeRaftMessage,
  encodeRaftMessage,
} from "../../../packages/replica/src/wire/raft-message.ts";
import { Decisions } from "../decisions.ts";
import { numberBytes } from "../mutate.ts";
import { joined, raftMessages } from "../samples.ts";
import { promise, type Target } from "../target.ts";

/** A message is preceded by what happens before it: a byte of time and of doings, and its length. */
const MESSAGES_MAX = 60;
const NOBODY = {
  onReady: () => undefined,
  onSend: () => undefined,
  onApply: () => undefined,
  onRead: () => undefined,
};

export const raftMessagesTarget: Target = {
  name: "raft-messages",
  promise: "Whatever messages a member of a group gets, it stays up and never takes back a commit.",
  smokeInputs: 1_500,
  open: () => ({ samples: samples(), run }),
};

function run(input: Uint8Array): void {
  const ids = [1, 2, 3].map(nodeId);
  const disk = createDisk(bootstrapMembership(ids), 1);
  const config = raftConfig(nodeId(1), { tailBytesMax: 1_000, windowEntriesMax: 3 });
  const node = new SimNode({ config, disk, random: new Prng(1) }, NOBODY);
  const decisions = new Decisions(input);
  let nowMs = 0;
  node.start(nowMs);
  let commit = 0;
  let at = 0;
  for (let count = 0; count < MESSAGES_MAX && !decisions.empty; count++) {
    nowMs += decisions.byte() * 8;
    const doing = decisions.byte();
    if (doing % 4 === 1) node.raft?.tick(monotonic(nowMs));
    if (doing % 16 === 2) node.raft?.propose([new Uint8Array(3)]);
    if (doing % 16 === 3) node.raft?.readIndex(count);
    const message = decodeRaftMessage(decisions.take(decisions.byte() + decisions.byte() * 0x100));
    if (message !== undefined) node.raft?.step(monotonic(nowMs), message);
    node.process();
    while (node.pending.length > 0) node.finishWrite();
    const status = node.raft?.status();
    promise(status !== undefined, "the node is gone");
    promise(status.commit >= commit, "the commit index went back");
    promise(status.term >= at, "the term went back");
    commit = status.commit;
    at = status.term;
  }
}

function samples(): readonly Uint8Array[] {
  const all = raftMessages();
  const follower = all.map((message) => step(20, 1, message));
  return [...follower, joined(follower), joined(leaderStory())];
}

/** Silence until the node campaigns, then votes for it and acknowledgements of what it proposes. */
function leaderStory(): readonly Uint8Array[] {
  const silence = Array.from({ length: 4 }, () => step(200, 1, undefined));
  const identity = { incarnation: incarnation(1), boot: 5, bootLastIndex: logIndex(0) };
  const head = { from: nodeId(2), to: nodeId(1), term: term(1) };
  const hint = { hintIndex: logIndex(1), hintTerm: term(1) };
  return [
    ...silence,
    step(1, 0, { kind: "pre-vote-response", ...head, granted: true, identity }),
    step(1, 0, { kind: "vote-response", ...head, granted: true, identity }),
    step(1, 2, { kind: "append-accepted", ...head, match: logIndex(1), identity }),
    step(1, 2, { kind: "append-accepted", ...head, match: logIndex(2), identity }),
    step(1, 3, { kind: "heartbeat-response", ...head, round: 1, identity }),
    step(1, 1, { kind: "append-rejected", ...head, rejected: logIndex(2), ...hint, identity }),
  ];
}

function step(timeSteps: number, doing: number, message: RaftMessage | undefined): Uint8Array {
  const bytes = joined(message === undefined ? [] : encodeRaftMessage(message));
  return joined([Uint8Array.of(timeSteps, doing), numberBytes(bytes.length, 2, "little"), bytes]);
}
