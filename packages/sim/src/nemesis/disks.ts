/** Disks that fail, fill, slow down, decay, are emptied or replaced by what they were yesterday. */
import { type NodeId, nodeId } from "@kqueuey/base";
import type { Membership } from "@kqueuey/raft";
import type { Chance, DiskImage } from "../disk.ts";
import { damageDisk } from "./damage.ts";
import type { Ground } from "./ground.ts";
import type { Patients } from "./patients.ts";
import type {
  Damage,
  DiskErrors,
  FullDisk,
  OldDisk,
  SlowDisk,
  StrayWrite,
  Strike,
  Wipe,
} from "./strike.ts";

const NEVER: Chance = { of: 0, outOf: 1 };
const EVERYTHING = Number.MAX_SAFE_INTEGER;
/** After this long a write that went astray is no longer the last one before a crash, ms. */
const STRAY_MS = 250;

export function wipe(ground: Ground, patients: Patients, strike: Wipe): boolean {
  const id = ground.victim(strike);
  if (id === undefined || !patients.examine(id)) return false;
  ground.cluster.crash(id, "power");
  ground.cluster.wipe(id, strike.folder);
  if (strike.folder === "") patients.admitWiped(id, strike.lastsMs);
  else patients.admit(id, { lurksMs: 0, certain: false, fragile: false }, strike.lastsMs);
  return true;
}

export function damage(ground: Ground, patients: Patients, strike: Damage): boolean {
  const id = ground.victim(strike);
  if (id === undefined || !patients.examine(id)) return false;
  const what = damageDisk(ground.cluster.disk(id), strike);
  if (what === undefined) return false;
  ground.log(id, `damage${strike.running ? " while it runs" : ""}: ${what}`);
  if (!strike.running) ground.cluster.crash(id, "process");
  const lurksMs = strike.running ? Math.max(1, strike.lastsMs) : 0;
  patients.admit(id, { lurksMs, certain: false, fragile: false }, strike.lastsMs);
  return true;
}

export function strayWrite(ground: Ground, patients: Patients, strike: StrayWrite): boolean {
  const id = ground.victim(strike);
  if (id === undefined || !patients.examine(id)) return false;
  ground.log(id, "a write will go astray");
  ground.cluster.disk(id).faults.strayWrite = true;
  const lurksMs = STRAY_MS + strike.lastsMs;
  patients.admit(id, { lurksMs, certain: false, fragile: true }, 0);
  // One that is still to come when the time is nearly over does not come any more.
  ground.mendLater(strike.lastsMs, () => {
    ground.cluster.disk(id).faults.strayWrite = false;
  });
  return true;
}

/** Copies of disks for strikes that will put them back. */
export class OldDisks {
  readonly #ground: Ground;
  readonly #patients: Patients;
  readonly #images = new Map<Strike, Image>();

  constructor(ground: Ground, patients: Patients) {
    this.#ground = ground;
    this.#patients = patients;
  }

  /** Takes the image when its time has come; `strike.atMs` from now it is put back. */
  prepare(strike: OldDisk): void {
    const id = nodeId(strike.node);
    this.#ground.later(Math.max(0, strike.atMs - strike.agoMs), () => {
      const { cluster } = this.#ground;
      const status = cluster.ids.includes(id) ? cluster.replica(id)?.raft.status() : undefined;
      if (status === undefined || status.probation || this.#ground.budget.isFailed(id)) return;
      const { lastIndex, incarnation, membership } = status;
      const image = cluster.image(id);
      this.#images.set(strike, { image, lastIndex, incarnation, voters: votersOf(membership) });
    });
  }

  putBack(strike: OldDisk): boolean {
    const id = nodeId(strike.node);
    const old = this.#images.get(strike);
    const { cluster } = this.#ground;
    if (old === undefined || this.#ground.victim({ ...strike, victim: id }) === undefined) {
      return false;
    }
    if (this.#patients.count > 0 || !this.#isMissed(id, old)) return false;
    if (!this.#patients.examine(id)) return false;
    cluster.crash(id, "power");
    cluster.log(id, `its disk of ${strike.agoMs} ms ago is put back`);
    cluster.disk(id).restore(old.image);
    this.#patients.admit(id, { lurksMs: 0, certain: true, fragile: false }, strike.lastsMs);
    return true;
  }

  /**
   * Whether the copy is known for an old one: by a majority without the node, so that in every majority with it
   * there is somebody who knows; and so in every majority of those who voted when it was made, whom the copy will ask.
   * Before that nobody can tell it from the present one.
   */
  #isMissed(id: NodeId, old: Image): boolean {
    const leader = this.#ground.leaderStatus();
    if (leader === undefined || leader.id === id) return false;
    return [votersOf(leader.membership), old.voters].every((voters) => {
      const knowing = voters.filter((each) => each !== id && this.#knows(each, id, old));
      return knowing.length > voters.length / 2;
    });
  }

  /** Whether the node has applied a record of more than the copy can have. */
  #knows(node: NodeId, id: NodeId, old: Image): boolean {
    if (this.#ground.budget.isFailed(node)) return false;
    const records = this.#ground.cluster.replica(node)?.raft.recordedMatches() ?? [];
    const record = records.find((each) => each.node === id);
    if (record === undefined) return false;
    return record.incarnation > old.incarnation || record.match > old.lastIndex;
  }
}

interface Image {
  readonly image: DiskImage;
  readonly lastIndex: number;
  readonly incarnation: number;
  /** Who voted when it was made. */
  readonly voters: readonly NodeId[];
}

/** Nobody while the membership changes: then there are two majorities. */
function votersOf(membership: Membership): readonly NodeId[] {
  if (membership.outgoing.length > 0) return [];
  return membership.members.filter(({ role }) => role === "voter").map(({ id }) => id);
}

export function diskErrors(ground: Ground, strike: DiskErrors): boolean {
  const id = ground.victim(strike);
  if (id === undefined) return false;
  const { faults } = ground.cluster.disk(id);
  const chance = { of: strike.per10k, outOf: 10_000 };
  ground.log(id, `${strike.request}s fail, ${strike.per10k} of 10,000`);
  const set = (to: Chance): void => {
    switch (strike.request) {
      case "read":
        faults.readError = to;
        return;
      case "write":
        faults.writeError = to;
        return;
      case "sync":
        faults.syncError = to;
        return;
    }
  };
  set(chance);
  ground.fail(id, strike.lastsMs, () => {
    set(NEVER);
    ground.log(id, "disk requests succeed again");
  });
  return true;
}

export function slowDisk(ground: Ground, strike: SlowDisk): boolean {
  const id = ground.victim(strike);
  if (id === undefined) return false;
  const { faults } = ground.cluster.disk(id);
  ground.log(id, `slow disk: ${strike.slowMs} ms more, ${strike.per10k} of 10,000`);
  faults.slowSync = { of: strike.per10k, outOf: 10_000 };
  faults.slowSyncMs = strike.slowMs;
  ground.fail(id, strike.lastsMs, () => {
    faults.slowSync = NEVER;
  });
  return true;
}

export function fullDisk(ground: Ground, strike: FullDisk): boolean {
  const id = ground.victim(strike);
  if (id === undefined) return false;
  fill(ground, id, strike.freeBytes);
  ground.fail(id, strike.lastsMs, () => {
    ground.cluster.disk(id).faults.capacityBytes = EVERYTHING;
    ground.log(id, "disk has room again");
  });
  return true;
}

function fill(ground: Ground, id: NodeId, freeBytes: number): void {
  const disk = ground.cluster.disk(id);
  let used = 0;
  for (const { bytes } of disk.files()) used += bytes;
  disk.faults.capacityBytes = used + freeBytes;
  ground.log(id, `disk takes ${freeBytes} bytes more`);
}
