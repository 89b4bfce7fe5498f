/**
 * One thing that goes wrong, as plain data: when, what, to whom, for how long. A strike says nothing of
 * whether it may happen: one that would go beyond the fault budget at its time is skipped, so that any
 * subset of a plan's strikes is a plan too, and a failure can be shrunk by leaving strikes out.
 */

/** A node by number (1 … the plan's nodes), or by its role at the time of the strike. */
export type Victim = "leader" | "follower" | number;

/** What of a data directory is damaged; `any` is any file. */
export type FileKind = "wal" | "bodies" | "pages" | "manifest" | "snapshot" | "identity" | "any";

/**
 * `flip`: one bit is turned over. `cut`: the file ends earlier. `misdirect`: a block of another place
 * stands where it does not belong, as if a write had gone astray. `zero`: a block holds zeroes.
 */
export type DamageKind = "flip" | "cut" | "misdirect" | "zero";

/** One step of a membership change; "remove" is undone by "add", "demote" by "promote". */
export interface MembershipStep {
  readonly kind: "demote" | "remove";
  readonly victim: Victim;
}

/** The process is gone before its `effect`th request to disk or network from then on; 0: at once. */
export interface Crash {
  readonly kind: "crash";
  readonly atMs: number;
  readonly victim: Victim;
  /** With the power, what the disk had not synced is lost too. */
  readonly power: boolean;
  readonly effect: number;
  /** The node is started again after this. */
  readonly lastsMs: number;
}

export interface Pause {
  readonly kind: "pause";
  readonly atMs: number;
  readonly victim: Victim;
  readonly lastsMs: number;
}

/**
 * The process stands still at a delicate moment: between reading its clock and using what it read, or between
 * an answer and the client that gets it.
 */
export interface Stall {
  readonly kind: "stall";
  readonly atMs: number;
  readonly victim: Victim;
  readonly before: "use-of-clock" | "answer";
  readonly lastsMs: number;
}

/** All nodes lose power at once and come back within `lastsMs`, each at its own time. */
export interface PowerCut {
  readonly kind: "power-cut";
  readonly atMs: number;
  readonly lastsMs: number;
}

/** One node after another is stopped and started, each down for `lastsMs`; with `grace` each is asked first. */
export interface RollingRestart {
  readonly kind: "rolling-restart";
  readonly atMs: number;
  readonly grace: boolean;
  readonly lastsMs: number;
}

/** The node's disk, or one folder of it, is emptied; it starts again after `lastsMs`. */
export interface Wipe {
  readonly kind: "wipe";
  readonly atMs: number;
  readonly victim: Victim;
  readonly folder: "" | "wal" | "groups";
  readonly lastsMs: number;
}

/** The node's disk is replaced by its own copy of `agoMs` earlier; it starts again after `lastsMs`. */
export interface OldDisk {
  readonly kind: "old-disk";
  readonly atMs: number;
  readonly node: number;
  readonly agoMs: number;
  readonly lastsMs: number;
}

/** A file decays. With `running` the process only meets it when it reads; otherwise the node is down for `lastsMs`. */
export interface Damage {
  readonly kind: "damage";
  readonly atMs: number;
  readonly victim: Victim;
  readonly file: FileKind;
  readonly how: DamageKind;
  readonly running: boolean;
  /** Says which file and where. */
  readonly salt: number;
  readonly lastsMs: number;
}

/** One write lands in another place of the disk than it was meant for. After `lastsMs` the node is restarted. */
export interface StrayWrite {
  readonly kind: "stray-write";
  readonly atMs: number;
  readonly victim: Victim;
  readonly lastsMs: number;
}

/** Requests of one kind fail, `per10k` out of 10,000. */
export interface DiskErrors {
  readonly kind: "disk-errors";
  readonly atMs: number;
  readonly victim: Victim;
  readonly request: "read" | "write" | "sync";
  readonly per10k: number;
  readonly lastsMs: number;
}

/** Syncs take `slowMs` longer, `per10k` out of 10,000. */
export interface SlowDisk {
  readonly kind: "slow-disk";
  readonly atMs: number;
  readonly victim: Victim;
  readonly slowMs: number;
  readonly per10k: number;
  readonly lastsMs: number;
}

/** The disk takes `freeBytes` more and is full then. */
export interface FullDisk {
  readonly kind: "full-disk";
  readonly atMs: number;
  readonly victim: Victim;
  readonly freeBytes: number;
  readonly lastsMs: number;
}

/** A node hears nobody (`in`), is heard by nobody (`out`), or both. */
export interface Isolate {
  readonly kind: "isolate";
  readonly atMs: number;
  readonly victim: Victim;
  readonly ways: "both" | "in" | "out";
  readonly lastsMs: number;
}

/**
 * The nodes fall into two sides that do not hear each other; `salt` says who is where. A `minority` leaves a
 * side that decides, `shards` may leave none.
 */
export interface Split {
  readonly kind: "split";
  readonly atMs: number;
  readonly shape: "minority" | "shards";
  readonly salt: number;
  readonly lastsMs: number;
}

/** Two halves that hear of each other only through one node, which both of them reach. */
export interface Bridge {
  readonly kind: "bridge";
  readonly atMs: number;
  readonly victim: Victim;
  readonly salt: number;
  readonly lastsMs: number;
}

/** A single way between two nodes is cut. */
export interface CutLink {
  readonly kind: "cut-link";
  readonly atMs: number;
  readonly from: number;
  readonly to: number;
  readonly both: boolean;
  readonly lastsMs: number;
}

/** A link that comes and goes, for `everyMs` each. */
export interface Flap {
  readonly kind: "flap";
  readonly atMs: number;
  readonly from: number;
  readonly to: number;
  readonly everyMs: number;
  readonly lastsMs: number;
}

/** Frames of one way take `delayMs` longer. */
export interface SlowLink {
  readonly kind: "slow-link";
  readonly atMs: number;
  readonly from: number;
  readonly to: number;
  readonly delayMs: number;
  readonly lastsMs: number;
}

/** The whole network is bad for a while. */
export interface Weather {
  readonly kind: "weather";
  readonly atMs: number;
  readonly delayMsMax: number;
  readonly lossPer10k: number;
  readonly duplicatePer10k: number;
  readonly reorder: boolean;
  readonly lastsMs: number;
}

/** Connections of a node break and are made again: frames under way are lost, both ends are told. */
export interface BreakConnections {
  readonly kind: "break-connections";
  readonly atMs: number;
  readonly victim: Victim;
}

/** A node's wall clock jumps. */
export interface ClockJump {
  readonly kind: "clock-jump";
  readonly atMs: number;
  readonly victim: Victim;
  readonly byMs: number;
}

/** Whoever leads is asked to hand over. */
export interface Transfer {
  readonly kind: "transfer";
  readonly atMs: number;
  readonly to: Victim;
}

/** Members lose their vote or are removed, together; after `lastsMs` they are made voters again. */
export interface MembershipStrike {
  readonly kind: "membership";
  readonly atMs: number;
  readonly steps: readonly MembershipStep[];
  /** Learners become voters in the same change. */
  readonly promoting: boolean;
  readonly lastsMs: number;
}

export type Strike =
  | Crash
  | Pause
  | Stall
  | PowerCut
  | RollingRestart
  | Wipe
  | OldDisk
  | Damage
  | StrayWrite
  | DiskErrors
  | SlowDisk
  | FullDisk
  | Isolate
  | Split
  | Bridge
  | CutLink
  | Flap
  | SlowLink
  | Weather
  | BreakConnections
  | ClockJump
  | Transfer
  | MembershipStrike;
