/** The network between the nodes of a cluster, as far as a test may break it. */

/** What is wrong with one direction of a link; `{}` is a good one. */
export interface LinkFault {
  /** Nothing comes through, and nobody is told. */
  readonly cut?: boolean;
  /** Share of the packets that vanish, 0 to 1. */
  readonly lost?: number;
}

/** One direction: what `from` sends to `to`. */
export interface Direction {
  readonly from: number;
  readonly to: number;
}

/** How slow everything is that is on its way to a node. */
export interface Slowness {
  readonly delayMs: number;
  readonly kilobitsPerSecond: number;
}

export interface Links {
  readonly kind: "namespaces" | "relays";
  /** What this network cannot do, in words, with the reason. */
  readonly leftOut: readonly string[];
  /** Where node `id` listens. */
  hostOf(id: number): string;
  /** What comes before a program that is to run as node `id`. */
  enter(id: number): readonly string[];
  /** Where node `from` dials node `to`, which listens on `port`. */
  peerAddress(direction: Direction, port: number): string;
  setLink(direction: Direction, fault: LinkFault): Promise<void>;
  /** Undefined heals. */
  setSlowness(id: number, slowness: Slowness | undefined): Promise<void>;
  /** Every link is good again. */
  heal(): Promise<void>;
  /** Gives everything back. Call when no node runs any more. */
  close(): Promise<void>;
}
