import { must, type NodeId } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import { judgeHistory } from "./checkers/judge-history.ts";
import { SimCluster } from "./cluster.ts";
import { plainWorkload } from "./workload/plan.ts";
import { Workload } from "./workload/workload.ts";

interface Scene {
  readonly cluster: SimCluster;
  readonly workload: Workload;
}

/** Three nodes under load; everything in virtual time. */
function underLoad(seed: number, visibilityTimeoutMs = 1_000): Scene {
  const cluster = new SimCluster({ seed, nodes: 3 });
  cluster.startAll();
  cluster.awaitLeader(30_000);
  const workload = new Workload(cluster, plainWorkload(visibilityTimeoutMs));
  workload.createQueues();
  workload.start();
  cluster.world.runFor(2_000);
  return { cluster, workload };
}

function followerOf(cluster: SimCluster): NodeId {
  const leader = must(cluster.leader(), "a leader");
  return must(
    cluster.ids.find((id) => id !== leader),
    "a follower",
  );
}

/** Lets everything pending end, then judges. */
function settle({ cluster, workload }: Scene): void {
  workload.stopSending();
  workload.drain();
  const drained = (): boolean => {
    const leader = cluster.leader();
    const machine = leader === undefined ? undefined : cluster.replica(leader)?.machine;
    if (machine === undefined || !workload.quiet || !workload.isEmpty(machine)) return false;
    const applied = machine.appliedIndex;
    return cluster.ids.every((id) => cluster.replica(id)?.machine.appliedIndex === applied);
  };
  expect(cluster.world.runUntil(drained, 120_000)).toBe(true);
  expect(judgeHistory(workload.history)).toEqual([]);
  expect(cluster.deaths).toEqual([]);
  const hashes = cluster.ids.map((id) => cluster.replica(id)?.machine.chainHash);
  expect(new Set(hashes).size).toBe(1);
  for (const id of cluster.ids)
    expect(cluster.replica(id)?.machine.checkInvariants()).toBeUndefined();
}

describe("a whole cluster under virtual time", () => {
  test("goes on when its leader is killed, within about an election timeout", () => {
    const scene = underLoad(11);
    const { cluster, workload } = scene;
    const old = must(cluster.leader(), "a leader");
    cluster.crash(old, "process");
    const before = workload.acknowledged;
    const killedAt = cluster.world.nowMs;
    expect(cluster.world.runUntil(() => workload.acknowledged > before, 10_000)).toBe(true);
    expect(cluster.world.nowMs - killedAt).toBeLessThan(2_500);
    cluster.start(old);
    settle(scene);
  });

  test("keeps everything acknowledged when all nodes lose power at once", () => {
    const scene = underLoad(12);
    for (const id of scene.cluster.ids) scene.cluster.crash(id, "power");
    scene.cluster.startAll();
    settle(scene);
  });

  test("takes a node whose disk was wiped in again, under a new incarnation", () => {
    const scene = underLoad(13);
    const { cluster } = scene;
    const lost = followerOf(cluster);
    cluster.crash(lost, "power");
    cluster.wipe(lost);
    cluster.start(lost);
    const back = (): boolean => {
      const status = cluster.replica(lost)?.raft.status();
      const member = status?.membership.members.find((each) => each.id === lost);
      return status?.probation === false && member?.role === "voter" && member.incarnation > 1;
    };
    expect(cluster.world.runUntil(back, 60_000)).toBe(true);
    settle(scene);
  });

  test("recognises yesterday's copy of a disk and does not count it until it is taken in again", () => {
    const scene = underLoad(14);
    const { cluster } = scene;
    const old = followerOf(cluster);
    const image = cluster.image(old);
    cluster.world.runFor(5_000);
    cluster.crash(old, "power");
    cluster.disk(old).restore(image);
    cluster.start(old);
    const back = (): boolean => {
      const status = cluster.replica(old)?.raft.status();
      const member = status?.membership.members.find((each) => each.id === old);
      return status?.probation === false && (member?.incarnation ?? 0) > 1;
    };
    expect(cluster.world.runUntil(back, 60_000)).toBe(true);
    settle(scene);
  });

  test("a node whose checkpoint is damaged ends once, then waits to be taken in again", () => {
    const scene = underLoad(19);
    const { cluster } = scene;
    const hurt = followerOf(cluster);
    const pages = (): string | undefined =>
      cluster
        .disk(hurt)
        .files()
        .find(({ path }) => path.includes("/pages-"))?.path;
    expect(cluster.world.runUntil(() => pages() !== undefined, 120_000)).toBe(true);
    cluster.crash(hurt, "process");
    // The first record of the first page file: what it holds is read at every start.
    cluster.disk(hurt).overwrite(must(pages(), "a page file"), 16, new Uint8Array(64));
    let ends = 0;
    cluster.onDeath = ({ node }) => {
      ends += 1;
      cluster.world.schedule(100, () => cluster.start(node));
      return node === hurt;
    };
    cluster.start(hurt);
    const back = (): boolean => {
      const status = cluster.replica(hurt)?.raft.status();
      const member = status?.membership.members.find((each) => each.id === hurt);
      return status?.probation === false && member?.role === "voter" && member.incarnation > 1;
    };
    expect(cluster.world.runUntil(back, 60_000)).toBe(true);
    expect(ends).toBe(1);
    settle(scene);
  });

  test("brings a follower that is far behind up with a snapshot", () => {
    const scene = underLoad(15);
    const { cluster } = scene;
    const slow = followerOf(cluster);
    cluster.crash(slow, "process");
    const first = (): number =>
      cluster.replica(must(cluster.leader(), "a leader"))?.raft.status().firstIndex ?? 0;
    const goneAt = must(cluster.replica(must(cluster.leader(), "a leader")), "a replica").machine
      .appliedIndex;
    expect(cluster.world.runUntil(() => first() > goneAt + 50, 300_000)).toBe(true);
    cluster.start(slow);
    settle(scene);
  });

  test("with full disks refuses sends, goes on with tombstones, and recovers when there is room", () => {
    const scene = underLoad(17);
    const { cluster, workload } = scene;
    for (const id of cluster.ids) {
      const used = cluster
        .disk(id)
        .files()
        .reduce((sum, file) => sum + file.bytes, 0);
      cluster.disk(id).faults.capacityBytes = used + 64 * 1024;
    }
    expect(cluster.world.runUntil(() => workload.refused > 0, 120_000)).toBe(true);
    const before = workload.tombstones;
    expect(cluster.world.runUntil(() => workload.tombstones > before + 5, 60_000)).toBe(true);
    for (const id of cluster.ids) {
      cluster.disk(id).faults.capacityBytes = Number.MAX_SAFE_INTEGER;
    }
    const acknowledged = workload.acknowledged;
    expect(cluster.world.runUntil(() => workload.acknowledged > acknowledged, 60_000)).toBe(true);
    settle(scene);
  });

  test("a lease outlives the leader that granted it, and ends no later than it should", () => {
    const { cluster, workload } = underLoad(16, 20_000);
    const isLeased = (): boolean => {
      const leader = cluster.leader();
      const machine = leader === undefined ? undefined : cluster.replica(leader)?.machine;
      return (machine?.describe(workload.queue)?.inFlight ?? 0) > 0;
    };
    expect(cluster.world.runUntil(isLeased, 10_000)).toBe(true);
    cluster.crash(must(cluster.leader(), "a leader"), "power");
    cluster.awaitLeader(10_000);
    cluster.world.runFor(10_000);
    cluster.startAll();
    settle({ cluster, workload });
  });
});
