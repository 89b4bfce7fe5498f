/**
 * What can go wrong, as data. A plan is a list of these and nothing else, drawn from a seed; a strike's
 * length is a part of it. Victims are resolved when it comes.
 */

/** The node that leads then, one that does not, or a node by its number. */
export type Victim = "leader" | "follower" | number;

/** What a file of a data directory holds. */
export const FILE_KINDS = ["identity", "log", "current", "manifest", "pages", "bodies"] as const;
export type FileKind = (typeof FILE_KINDS)[number];

export const PARTITION_SHAPES = [
  /** The leader hears nobody and nobody hears it. */
  "isolated-leader",
  "isolated-follower",
  /** Two sides: the larger has a majority, and the leader is in the smaller. */
  "halves",
  /** The leader's words arrive, what the others answer does not. */
  "deaf-leader",
  /** The leader hears, and is not heard. */
  "mute-leader",
  "deaf-follower",
  /** One node is heard by all; the others are in two halves that do not hear each other. */
  "bridge",
] as const;
export type PartitionShape = (typeof PARTITION_SHAPES)[number];

export type DamageKind = "flip" | "truncate" | "remove";

export type Strike =
  /** kill -9, and a start after a while. "two" is a majority of three. */
  | { readonly kind: "kill"; readonly who: Victim | "two" | "all"; readonly lastsMs: number }
  /** SIGTERM and a start. */
  | { readonly kind: "restart"; readonly who: Victim }
  | { readonly kind: "pause"; readonly who: Victim; readonly lastsMs: number }
  | { readonly kind: "partition"; readonly shape: PartitionShape; readonly lastsMs: number }
  | {
      readonly kind: "flap";
      readonly who: Victim;
      readonly times: number;
      /** For how long the link is cut, and then good, each time. */
      readonly everyMs: number;
    }
  | {
      readonly kind: "slow-link";
      readonly who: Victim;
      readonly delayMs: number;
      readonly kilobitsPerSecond: number;
      readonly lastsMs: number;
    }
  | { readonly kind: "lossy-links"; readonly lost: number; readonly lastsMs: number }
  | { readonly kind: "full-disk"; readonly who: Victim; readonly lastsMs: number }
  | {
      readonly kind: "slow-disk";
      readonly who: Victim;
      readonly writesPerSecond: number;
      readonly lastsMs: number;
    }
  | { readonly kind: "stalled-disk"; readonly who: Victim; readonly lastsMs: number }
  /** The machines lose their power: what was not synced is gone. */
  | { readonly kind: "power-loss"; readonly who: Victim | "all" }
  /** While the node is down, `share` of the way into its newest file of that kind. */
  | {
      readonly kind: "damage";
      readonly who: Victim;
      readonly file: FileKind;
      readonly how: DamageKind;
      readonly share: number;
    }
  /** The directory as it was a while ago is put back while the node is down. */
  | { readonly kind: "old-copy"; readonly who: Victim; readonly lastsMs: number }
  | { readonly kind: "wipe"; readonly who: Victim }
  | {
      readonly kind: "wall-clock";
      readonly who: Victim;
      readonly offsetMs: number;
      readonly lastsMs: number;
    };

/** A strike in one line, for logs. */
export function describeStrike(strike: Strike): string {
  const { kind, ...rest } = strike;
  const words = Object.entries(rest).map(([name, value]) => `${name}=${String(value)}`);
  return [kind, ...words].join(" ");
}
