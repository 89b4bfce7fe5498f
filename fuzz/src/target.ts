/**
 * What a fuzz target is: a door that bytes come in by, and the promise that must hold whatever they are.
 * Every input is one run of bytes, also where the door takes more than that (a damaged disk, a series of
 * commands): then the bytes are read as decisions. So one runner mutates, minimises and replays them all.
 */
import type { Prng } from "@kqueuey/base";
import type { Mutator } from "./mutate.ts";

export interface Target {
  readonly name: string;
  /** One sentence: which door, and what must hold. */
  readonly promise: string;
  /** How many inputs the smoke run gives it: about a second's worth. */
  readonly smokeInputs: number;
  /** Whether it is there to fail: it proves that a failure is seen. */
  readonly canary?: boolean;
  /** Builds what is attacked. Everything random about it is drawn from `random`. */
  open(random: Prng): Session | Promise<Session>;
}

export interface Session {
  /** Valid inputs to begin from; at least one. */
  readonly samples: readonly Uint8Array[];
  /** Another input made of `input`. Unless given, bytes are mutated without knowing what they are. */
  mutate?(input: Uint8Array, mutator: Mutator): Uint8Array;
  /** Feeds one input; throws when the promise is broken. The bytes are the session's to keep. */
  run(input: Uint8Array): void | Promise<void>;
  /** Checks what can only be seen at the end (is everything still well?) and lets go of everything. */
  close?(): void | Promise<void>;
}

/** A broken promise. */
export class BrokenPromise extends Error {
  override readonly name = "BrokenPromise";
}

/** Throws unless `holds`. */
export function promise(holds: boolean, what: string): asserts holds {
  if (!holds) throw new BrokenPromise(what);
}
