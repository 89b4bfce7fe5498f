/** The commands of Raft scripts, one handler each. `n1` names a node; `quiet` hides what happens. */
import { encodeUtf8, logIndex, must, type NodeId, nodeId } from "@kqueuey/base";
import type { ScriptCommand } from "@kqueuey/base/testing";
import {
  describeEntry,
  describeMembership,
  describeMessage,
  describeRecord,
  type MemberChange,
  type Membership,
  type Raft,
} from "../src/index.ts";
import type { InteractionEnv, MessageFilter } from "./interaction-env.ts";
import { copyDisk, createDisk, type SimNode, vectorData } from "./sim-node.ts";

type Handler = (env: InteractionEnv, command: ScriptCommand) => string | undefined;

/** Runs one command: its own answer, or what was noted while it ran. */
export function runCommand(env: InteractionEnv, command: ScriptCommand): string {
  const handler = must(HANDLERS[command.name], `unknown command ${command.name}`);
  env.setQuiet(command.words.includes("quiet"));
  const answer = handler(env, command);
  env.setQuiet(false);
  const notes = env.takeNotes();
  return [notes, answer ?? ""].filter((text) => text !== "").join("\n");
}

const HANDLERS: Readonly<Record<string, Handler>> = {
  /** nodes voters=3 [blank=(4,5)] [window=10] [frame=1] [tail=0] [manual-writes] */
  nodes(env, command) {
    const { values, words } = command;
    const number = (name: string, fallback: number): number => Number(values.get(name) ?? fallback);
    env.manualWrites = words.includes("manual-writes");
    env.create(number("voters", 3), idList(values.get("blank")), {
      windowEntriesMax: number("window", 1_024),
      frameBytesMax: number("frame", 256 * 1024),
      tailBytesMax: number("tail", 8 * 1024 * 1024),
      promotionLagEntriesMax: number("promotion-lag", 0),
    });
    return undefined;
  },

  /** tick n1 [n2 …] [ms=100]: time passes for everyone, these notice. */
  tick(env, command) {
    env.nowMs += Number(command.values.get("ms") ?? 100);
    for (const node of nodesOf(env, command)) tickNode(env, node);
    return undefined;
  },

  /** campaign n1 [alone]: more than an election timeout passes, only this node notices; or only for it. */
  campaign(env, command) {
    const node = nodeOf(env, command);
    if (command.words.includes("alone")) env.hurry(node, 1_300);
    else env.nowMs += 1_300;
    tickNode(env, node);
    return undefined;
  },

  /** pass n1 n2 ms=600: time passes in steps of 50 ms, these notice, everything is delivered. */
  pass(env, command) {
    for (let left = Number(command.values.get("ms")); left > 0; left -= 50) {
      env.nowMs += 50;
      for (const node of nodesOf(env, command)) tickNode(env, node);
      env.stabilize();
    }
    return undefined;
  },

  /** elect n1: campaigns and delivers everything. */
  elect(env, command) {
    env.nowMs += 1_300;
    tickNode(env, nodeOf(env, command));
    env.stabilize();
    return undefined;
  },

  /** heartbeat n1: the leader's next heartbeats, and all that follows. */
  heartbeat(env, command) {
    env.nowMs += 100;
    tickNode(env, nodeOf(env, command));
    env.stabilize();
    return undefined;
  },

  /** stabilize: delivers until nothing is in flight. */
  stabilize(env) {
    env.settleAll();
    env.stabilize();
    return undefined;
  },

  /** deliver [from=1] [to=2] [kind=append-request] [reversed] [twice]: delivers what is in flight now. */
  deliver(env, command) {
    const messages = env.matching(filterOf(command));
    if (command.words.includes("reversed")) messages.reverse();
    for (const message of messages) {
      if (command.words.includes("twice")) env.flights.push(message);
      env.deliver(message);
    }
    return messages.length === 0 ? "nothing in flight" : undefined;
  },

  /** drop [from=1] [to=2] [kind=…] */
  drop(env, command) {
    const messages = env.matching(filterOf(command));
    env.remove(messages);
    return messages.map((message) => `lost ${describeMessage(message)}`).join("\n");
  },

  /** again [from=1] [to=2] [kind=…]: everything in flight is in flight twice. */
  again(env, command) {
    const messages = env.matching(filterOf(command));
    env.flights.push(...messages.map((message) => ({ ...message })));
    return undefined;
  },

  /** messages: what is in flight. */
  messages(env) {
    return env.flights.map(describeMessage).join("\n");
  },

  /** cut n1: nothing reaches or leaves it. heal: everyone is reached again. */
  cut(env, command) {
    for (const node of nodesOf(env, command)) env.cut.add(node.id);
    return undefined;
  },
  heal(env) {
    env.cut.clear();
    return undefined;
  },

  /** propose n1 a [b …] */
  propose(env, command) {
    const { raft, node } = raftOf(env, command);
    const texts = command.words.filter((word) => !/^n\d+$|^quiet$/.test(word));
    const result = raft.propose(texts.map(encodeUtf8));
    env.settle(node);
    return result.ok ? undefined : `refused: ${result.reason}`;
  },

  /** vector n1: proposes an entry with the leader's match vector. */
  vector(env, command) {
    const { raft, node } = raftOf(env, command);
    const vector = raft.matchVector();
    raft.propose([vectorData(vector)]);
    env.settle(node);
    return vector.map((record) => `n${record.node} has ${record.match}`).join("\n");
  },

  /** records n1: what the committed match vectors have come to, without the numbers of process starts. */
  records(env, command) {
    const { raft } = raftOf(env, command);
    return raft
      .recordedMatches()
      .map((record) => describeRecord(record).replace(/boot \d+ /, ""))
      .join("\n");
  },

  /** read n1 context=7 */
  read(env, command) {
    const { raft, node } = raftOf(env, command);
    const context = Number(command.values.get("context"));
    const result = raft.readIndex(context);
    if (result.ok) env.checker.onReadAsked(context);
    env.settle(node);
    return result.ok ? undefined : `refused: ${result.reason}`;
  },

  /** transfer n1 to=2 */
  transfer(env, command) {
    const { raft, node } = raftOf(env, command);
    const result = raft.transferLeadership(nodeId(Number(command.values.get("to"))));
    env.settle(node);
    return result.ok ? undefined : `refused: ${result.reason}`;
  },

  /** step-down n1 reason=loop-delay */
  "step-down"(env, command) {
    const { raft, node } = raftOf(env, command);
    const reason = command.values.get("reason") === "shutdown" ? "shutdown" : "loop-delay";
    const result = raft.stepDownFor(reason);
    env.settle(node);
    return result.ok ? `hands over to n${result.to}` : `refused: ${result.reason}`;
  },

  /** change n1 add:4 remove:2 promote:3 demote:1 add-learner:5 */
  change(env, command) {
    const { raft, node } = raftOf(env, command);
    const steps = command.words.filter((word) => word.includes(":")).map(parseChange);
    const result = raft.changeMembership(steps);
    env.settle(node);
    return result.ok ? undefined : `refused: ${result.reason}: ${result.detail}`;
  },

  /** persist n1 [writes=1]: finishes that many writes (all of them). */
  persist(env, command) {
    const node = nodeOf(env, command);
    let count = Number(command.values.get("writes") ?? node.pending.length);
    for (; count > 0; count--) node.finishWrite();
    return undefined;
  },

  /** fetch n1: storage answers every read for followers. */
  fetch(env, command) {
    const node = nodeOf(env, command);
    while (node.reads.length > 0) {
      node.finishRead(Number(command.values.get("entries") ?? 100));
      env.settle(node);
    }
    return undefined;
  },

  /** crash n1 [writes=0]: of the writes under way, the first so many survive. */
  crash(env, command) {
    const survive = Number(command.values.get("writes") ?? 0);
    for (const node of nodesOf(env, command)) {
      env.checker.onCrash(node);
      node.crash(survive);
    }
    return undefined;
  },

  /** restart n1 [tail=100]: with so many of the newest entries in memory. */
  restart(env, command) {
    for (const node of nodesOf(env, command)) {
      node.start(env.clockOf(node), Number(command.values.get("tail") ?? 100));
      env.settle(node);
    }
    return undefined;
  },

  /** wipe n1: its directory is lost, and it starts with an empty one. */
  wipe(env, command) {
    const node = nodeOf(env, command);
    env.checker.onCrash(node);
    node.crash(0);
    node.disk = createDisk(undefined, node.id * 1_000 + 500);
    node.start(env.clockOf(node), 100);
    env.settle(node);
    return undefined;
  },

  /** backup n1 copies its directory, restore n1 starts from the copy. */
  backup(env, command) {
    const node = nodeOf(env, command);
    env.backups.set(node.id, copyDisk(node.disk));
    return undefined;
  },
  restore(env, command) {
    const node = nodeOf(env, command);
    if (node.alive) node.crash(0);
    node.disk = copyDisk(must(env.backups.get(node.id), "no backup"));
    node.start(env.clockOf(node), 100);
    env.settle(node);
    return undefined;
  },

  /** compact n1 upto=5: checkpoints, then drops the log up to there. */
  compact(env, command) {
    const node = nodeOf(env, command);
    node.checkpoint();
    node.compact(logIndex(Number(command.values.get("upto"))));
    env.settle(node);
    return undefined;
  },

  /** snapshot-arrives n2: the snapshot on its way to it is complete there. */
  "snapshot-arrives"(env, command) {
    const node = nodeOf(env, command);
    const { checkpoint } = must(env.snapshots.get(node.id), "no snapshot is on its way");
    const begun = node.beginInstall(checkpoint);
    env.settle(node);
    return begun ? `n${node.id} installs ${checkpoint.term}/${checkpoint.index}` : "not wanted";
  },

  /** snapshot-installed n2: installed there, and its sender knows. */
  "snapshot-installed"(env, command) {
    return finishSnapshot(env, nodeOf(env, command), true);
  },

  /** snapshot-failed n2: lost on the way or while it was installed, and its sender knows. */
  "snapshot-failed"(env, command) {
    return finishSnapshot(env, nodeOf(env, command), false);
  },

  /** disconnect n2 peer=1: n2's connection to n1 closes. */
  disconnect(env, command) {
    const peer = nodeId(Number(command.values.get("peer")));
    for (const node of nodesOf(env, command)) {
      node.raft?.peerDisconnected(env.clockOf(node), peer);
      env.settle(node);
    }
    return undefined;
  },

  /** log n1 [n2 …] */
  log(env, command) {
    return nodesOf(env, command).map(logLine).join("\n");
  },

  /** status n1 [n2 …]: one line each; leaders add a line for each peer. */
  status(env, command) {
    return nodesOf(env, command).map(statusLines).join("\n");
  },

  /** membership n1 */
  membership(env, command) {
    return nodesOf(env, command)
      .map((node) => {
        const status = node.raft?.status();
        if (status === undefined) return `n${node.id} down`;
        const pending = status.membershipCommitted ? "" : " uncommitted";
        return `n${node.id} ${describeMembership(status.membership satisfies Membership)}${pending}`;
      })
      .join("\n");
  },
};

function finishSnapshot(env: InteractionEnv, node: SimNode, ok: boolean): undefined {
  const { from, checkpoint } = must(env.snapshots.get(node.id), "no snapshot is on its way");
  env.snapshots.delete(node.id);
  if (node.installing !== undefined) node.finishInstall(ok);
  env.settle(node);
  const sender = env.node(from);
  sender.raft?.snapshotSent(node.id, ok ? checkpoint.index : undefined);
  env.settle(sender);
  return undefined;
}

function tickNode(env: InteractionEnv, node: SimNode): void {
  node.raft?.tick(env.clockOf(node));
  env.settle(node);
}

function nodesOf(env: InteractionEnv, command: ScriptCommand): SimNode[] {
  const named = command.words.filter((word) => /^n\d+$/.test(word));
  if (command.words.includes("all")) return [...env.nodes.values()];
  return named.map((word) => env.node(nodeId(Number(word.slice(1)))));
}

function nodeOf(env: InteractionEnv, command: ScriptCommand): SimNode {
  return must(nodesOf(env, command)[0], `${command.name} needs a node`);
}

function raftOf(env: InteractionEnv, command: ScriptCommand): { node: SimNode; raft: Raft } {
  const node = nodeOf(env, command);
  return { node, raft: must(node.raft, `n${node.id} is down`) };
}

function filterOf(command: ScriptCommand): MessageFilter {
  const id = (name: string): NodeId | undefined => {
    const value = command.values.get(name);
    return value === undefined ? undefined : nodeId(Number(value));
  };
  return { from: id("from"), to: id("to"), kind: command.values.get("kind") };
}

function idList(value: string | undefined): NodeId[] {
  return (value?.match(/\d+/g) ?? []).map((digits) => nodeId(Number(digits)));
}

function parseChange(word: string): MemberChange {
  const [kind = "", digits = ""] = word.split(":");
  const id = nodeId(Number(digits));
  switch (kind) {
    case "add":
    case "add-learner":
    case "promote":
    case "demote":
    case "remove":
      return { kind, id };
    default:
      throw new Error(`unknown change ${word}`);
  }
}

function logLine(node: SimNode): string {
  const terms: string[] = [];
  for (let at = node.baseIndex + 1; at <= node.lastIndex; at++) {
    const entry = must(node.entryAt(at), "entry");
    terms.push(
      entry.kind === "commands"
        ? `${entry.term}`
        : describeEntry(entry)
            .replace(/^\d+\/\d+/, `${entry.term}`)
            .replace(/ \d+ B$/, ""),
    );
  }
  const base = node.baseIndex > 0 ? `after ${node.baseIndex}: ` : "";
  return `n${node.id} ${base}[${terms.join(", ")}]`;
}

function statusLines(node: SimNode): string {
  const status = node.raft?.status();
  if (status === undefined) return `n${node.id} down`;
  const { role, term, leader, commit, lastIndex } = status;
  const who = status.probation ? "in probation" : role;
  const lines = [
    `n${node.id} ${who} term ${term} leader ${leader} commit ${commit} last ${lastIndex}`,
  ];
  for (const peer of status.peers) {
    const { id, incarnation, state, match, next } = peer;
    lines.push(`  n${id}@${incarnation} ${peer.role} ${state} match ${match} next ${next}`);
  }
  return lines.join("\n");
}
