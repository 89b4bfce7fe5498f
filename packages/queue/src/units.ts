/**
 * Which parts of the state a checkpoint must write. The state is a set of units, each with a stable
 * key; a changed unit is in the next checkpoint. While one is being written, a unit that it still has
 * to take is encoded before its first change (copy on write), so that the checkpoint is the state at
 * its beginning, however long it takes.
 *
 *     clean --touch--> changed --begin--> pending --pump--> clean
 *                                         pending --touch--> (copied) changed
 *                                         pending --remove--> leaving --pump--> gone
 */
import { assert, ByteWriter, must } from "@kqueuey/base";

export const MARK = { clean: 0, changed: 1, pending: 2, leaving: 3, gone: 4 } as const;
export type Mark = (typeof MARK)[keyof typeof MARK];

/** A part of the state. Everything but `key` and `encode` belongs to the ledger. */
export interface Unit {
  /** Stable as long as the unit lives, and never given to another: see `UNIT_KIND`. */
  readonly key: number;
  mark: Mark;
  /** Place among the changed units; means something while changed. */
  position: number;
  /** Whether a checkpoint may hold it, so that its end must be told to the next. */
  saved: boolean;
  /** Appends the unit's bytes, version first. Equal states give equal bytes. */
  encode(writer: ByteWriter): void;
}

/** A checkpoint's unit, as bytes. */
export interface CheckpointUnit {
  readonly key: number;
  readonly bytes: Uint8Array;
}

/** What a pump of a checkpoint gives. */
export interface CheckpointPart {
  readonly units: readonly CheckpointUnit[];
  /** Keys of units that are no more. */
  readonly removed: readonly number[];
  /** True when the checkpoint is complete: `endCheckpoint` comes next. */
  readonly done: boolean;
}

/** The kinds of units: a key is number * 8 + kind. */
export const UNIT_KIND = {
  header: 0,
  queue: 1,
  catalogue: 2,
  page: 3,
  requests: 4,
  session: 5,
  moves: 6,
  fifo: 7,
} as const;

/** The key of the unit of `kind` with a number of its own within the kind. */
export function unitKey(kind: number, number: number): number {
  return number * 8 + kind;
}

interface Running {
  /** Units to take, in order; those touched meanwhile have left `pending` and are passed over. */
  readonly pending: readonly Unit[];
  next: number;
  /** Encoded already: the header, and units that were about to change. */
  copied: CheckpointUnit[];
  /** Units whose bytes are part of this checkpoint, for the case that it fails. */
  readonly taken: Unit[];
  readonly removed: readonly number[];
  removedGiven: boolean;
}

export class UnitLedger {
  #changed: Unit[] = [];
  #removed: number[] = [];
  #running: Running | undefined;
  readonly #writer = new ByteWriter(64 * 1024);

  /** True between `begin` and `end`. */
  get running(): boolean {
    return this.#running !== undefined;
  }

  /** Call before changing a unit. Callers on hot paths test for `changed` themselves. */
  touch(unit: Unit): void {
    if (unit.mark === MARK.changed) return;
    assert(
      unit.mark === MARK.clean || unit.mark === MARK.pending,
      "a unit that is gone was changed",
    );
    if (unit.mark === MARK.pending) this.#copy(unit);
    this.add(unit);
  }

  /** Takes in a new unit. */
  add(unit: Unit): void {
    unit.mark = MARK.changed;
    unit.position = this.#changed.length;
    this.#changed.push(unit);
  }

  /** The unit is no more. One that a running checkpoint has yet to take must keep its bytes until then. */
  remove(unit: Unit): void {
    if (unit.mark === MARK.changed) this.#dropChanged(unit);
    if (unit.saved || unit.mark === MARK.pending) this.#removed.push(unit.key);
    unit.mark = unit.mark === MARK.pending ? MARK.leaving : MARK.gone;
  }

  /** Begins a checkpoint of the changed units, or of `all`. `header` is taken as it is now. */
  begin(all: Iterable<Unit> | undefined, header: Unit): void {
    assert(this.#running === undefined, "a checkpoint is running");
    const pending = all === undefined ? this.#changed : [...all];
    for (const unit of pending) unit.mark = MARK.pending;
    this.#changed = [];
    this.#running = {
      pending,
      next: 0,
      copied: [],
      taken: [],
      removed: this.#removed,
      removedGiven: false,
    };
    this.#removed = [];
    this.#running.copied.push({ key: header.key, bytes: this.bytesOf(header) });
  }

  /** The next units, of about `bytesMax` bytes: at least one while there are any. */
  next(bytesMax: number): CheckpointPart {
    const running = must(this.#running, "no checkpoint is running");
    const units = running.copied;
    running.copied = [];
    let bytes = 0;
    for (const unit of units) bytes += unit.bytes.length;
    while (bytes < bytesMax && running.next < running.pending.length) {
      const unit = must(running.pending[running.next], "pending unit");
      running.next += 1;
      if (unit.mark !== MARK.pending && unit.mark !== MARK.leaving) continue;
      const taken = { key: unit.key, bytes: this.bytesOf(unit) };
      units.push(taken);
      bytes += taken.bytes.length;
      this.#take(unit);
    }
    const removed = running.removedGiven ? [] : running.removed;
    running.removedGiven = true;
    return { units, removed, done: running.next === running.pending.length };
  }

  /** Ends the checkpoint. Unless it is durable (`ok`), all that it took counts as changed again. */
  end(ok: boolean): void {
    const running = must(this.#running, "no checkpoint is running");
    this.#running = undefined;
    const complete = running.next === running.pending.length && running.copied.length === 0;
    assert(!ok || complete, "an incomplete checkpoint can't be ok");
    for (const unit of running.pending) {
      if (unit.mark === MARK.leaving) unit.mark = MARK.gone;
      else if (unit.mark === MARK.pending) this.add(unit);
    }
    if (ok) return;
    for (const unit of running.taken) if (unit.mark === MARK.clean) this.add(unit);
    this.#removed = [...running.removed, ...this.#removed];
  }

  /** The unit as bytes of their own. */
  bytesOf(unit: Unit): Uint8Array {
    unit.encode(this.#writer);
    return this.#writer.take();
  }

  #copy(unit: Unit): void {
    const running = must(this.#running, "a unit is pending without a checkpoint");
    running.copied.push({ key: unit.key, bytes: this.bytesOf(unit) });
    this.#take(unit);
  }

  #take(unit: Unit): void {
    must(this.#running, "no checkpoint is running").taken.push(unit);
    unit.saved = true;
    unit.mark = unit.mark === MARK.leaving ? MARK.gone : MARK.clean;
  }

  #dropChanged(unit: Unit): void {
    const last = must(this.#changed.pop(), "changed units");
    if (last === unit) return;
    this.#changed[unit.position] = last;
    last.position = unit.position;
  }
}
