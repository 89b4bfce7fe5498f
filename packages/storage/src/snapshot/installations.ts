/**
 * Receiving snapshots, one at a time, and making one the group's state:
 *
 *     files synced -> read back as a checkpoint -> marker in the log -> named current -> log quiet -> in use
 *
 * Before the marker is durable a crash leaves the old state and a folder that a later transfer may go on
 * with; after it, the new one, whose folder the marker names.
 */
import { assert, equalBytes, type LogIndex, type Term } from "@kqueuey/base";
import { generationFolder, groupFolder } from "../checkpoint/generation.ts";
import { type LoadedGeneration, loadGeneration } from "../checkpoint/load.ts";
import { numberInName } from "../file-header.ts";
import { readWholeFile } from "../files.ts";
import { writeCurrent } from "../group-open.ts";
import type { GroupPorts } from "../group-ports.ts";
import { type CheckpointMeta, damage, type StoreDone, type StoreFailure } from "../store-types.ts";
import { IncomingSnapshot, snapshotId } from "./incoming.ts";
import { decodeRoot, type SnapshotRoot } from "./root.ts";
import type { SnapshotInstaller } from "./types.ts";

export interface InstallHost {
  /** The generation in use. */
  generationNumber(): number;
  /** Whether the log has this very entry. */
  holds(point: { readonly index: LogIndex; readonly term: Term }): boolean;
  /** Whether nothing is on its way into the log. */
  quiet(): boolean;
  /** The snapshot is this group's state now. */
  installed(loaded: LoadedGeneration): void;
  failed(failure: StoreFailure): void;
}

/** Waits for the log to be quiet, to take the marker, and to be quiet again. */
interface Marking {
  readonly incoming: IncomingSnapshot;
  readonly loaded: LoadedGeneration;
  readonly done: StoreDone<CheckpointMeta>;
  stage: "unsent" | "sent" | "named";
}

export class Installations {
  readonly #ports: GroupPorts;
  readonly #host: InstallHost;
  #incoming: IncomingSnapshot | undefined;
  #beginning = false;
  #marking: Marking | undefined;
  #stopped = false;

  constructor(ports: GroupPorts, host: InstallHost) {
    this.#ports = ports;
    this.#host = host;
  }

  /** The state is being replaced: nothing of the old one may be given up any more. */
  get switching(): boolean {
    return this.#marking !== undefined;
  }

  begin(manifest: Uint8Array, done: StoreDone<SnapshotInstaller>): void {
    const refuse = (failure: StoreFailure): void => done({ ok: false, failure });
    if (this.#beginning || this.#marking !== undefined || this.#stopped) {
      refuse({ code: "closed", message: "another snapshot is being taken" });
      return;
    }
    const rootBytes = new Uint8Array(manifest);
    const root = decodeRoot(rootBytes, this.#ports.group, this.#ports.crc32);
    if ("wrong" in root) {
      // Not this node's damage: what arrived is no snapshot.
      refuse({ code: "closed", message: `the snapshot's manifest ${root.wrong}` });
      return;
    }
    const current = this.#incoming;
    if (current !== undefined && equalBytes(current.id, snapshotId(this.#ports, rootBytes))) {
      done({ ok: true, value: this.#installer(current) });
      return;
    }
    this.#beginning = true;
    this.#findOlder((older) =>
      this.#prepare({ root, rootBytes }, older, (result) => {
        this.#beginning = false;
        if (!result.ok || this.#stopped) {
          if (!result.ok) refuse(result.failure);
          return;
        }
        this.#incoming = result.value;
        done({ ok: true, value: this.#installer(result.value) });
      }),
    );
  }

  tick(): void {
    const marking = this.#marking;
    if (marking === undefined || this.#stopped || !this.#host.quiet()) return;
    if (marking.stage === "unsent") this.#mark(marking);
    else if (marking.stage === "named") this.#switch(marking);
  }

  /** Nothing more is written or reported; what was received stays for the next start. */
  stop(): void {
    this.#stopped = true;
  }

  #mark(marking: Marking): void {
    const { index, term } = marking.incoming.root.meta;
    const directory = marking.incoming.folder;
    const marker = { index, term, directory };
    const { wal, group } = this.#ports;
    const admission = wal.append(group, { snapshotMarker: marker }, (result) => {
      if (result.ok) this.#marked(marking);
      else this.#fail(marking, { ...result.failure });
    });
    if (admission === "accepted") marking.stage = "sent";
    else if (admission === "failed")
      this.#fail(marking, { code: "io", message: "the log is dead" });
  }

  /** A half received snapshot of this process or an earlier one. */
  #findOlder(done: (older: IncomingSnapshot | undefined) => void): void {
    if (this.#incoming !== undefined) {
      const incoming = this.#incoming;
      this.#incoming = undefined;
      done(incoming);
      return;
    }
    const { disk, group } = this.#ports;
    disk.list(groupFolder(group), (listed) => {
      const names = listed.ok ? listed.value : [];
      const numbers = names.map((entry) => numberInName("gen", entry.name) ?? 0);
      const newest = Math.max(0, ...numbers);
      if (newest <= this.#host.generationNumber()) {
        done(undefined);
        return;
      }
      const path = `${generationFolder(group, newest)}/snapshot`;
      readWholeFile(disk, path, (read) => {
        const rootBytes = read.ok ? read.value : undefined;
        const root =
          rootBytes === undefined ? undefined : decodeRoot(rootBytes, group, this.#ports.crc32);
        const whole = root !== undefined && !("wrong" in root) && rootBytes !== undefined;
        done(whole ? new IncomingSnapshot(this.#ports, { root, rootBytes }, newest) : undefined);
      });
    });
  }

  /** Goes on with the older one if it is the same, else begins anew with the pieces that they share. */
  #prepare(
    snapshot: { readonly root: SnapshotRoot; readonly rootBytes: Uint8Array },
    older: IncomingSnapshot | undefined,
    done: StoreDone<IncomingSnapshot>,
  ): void {
    const id = snapshotId(this.#ports, snapshot.rootBytes);
    if (older !== undefined && equalBytes(older.id, id)) {
      older.verify(() => done({ ok: true, value: older }));
      return;
    }
    const last = Math.max(this.#host.generationNumber(), older?.generation ?? 0);
    const incoming = new IncomingSnapshot(this.#ports, snapshot, last + 1);
    incoming.create((failure) => {
      if (failure !== undefined) {
        incoming.abort();
        done({ ok: false, failure });
      } else if (older === undefined) {
        done({ ok: true, value: incoming });
      } else {
        incoming.adoptFrom(older, () => {
          older.abort();
          done({ ok: true, value: incoming });
        });
      }
    });
  }

  #installer(incoming: IncomingSnapshot): SnapshotInstaller {
    return {
      meta: incoming.root.meta,
      id: incoming.id,
      pieceCount: incoming.pieces.count,
      get missingCount(): number {
        return incoming.missing;
      },
      nextMissing: (from) => incoming.nextMissing(from),
      accept: (number, bytes, done) => incoming.accept(number, bytes, done),
      install: (done) => this.#install(incoming, done),
      abort: () => {
        if (this.#marking?.incoming === incoming) return;
        if (this.#incoming === incoming) this.#incoming = undefined;
        incoming.abort();
      },
    };
  }

  #install(incoming: IncomingSnapshot, done: StoreDone<CheckpointMeta>): void {
    assert(incoming.missing === 0, "a snapshot is installed when every piece is here");
    const refuse = (failure: StoreFailure): void => {
      if (this.#incoming === incoming) this.#incoming = undefined;
      incoming.abort();
      done({ ok: false, failure });
    };
    if (this.#incoming !== incoming || this.#marking !== undefined) {
      done({ ok: false, failure: { code: "closed", message: "the snapshot was given up" } });
      return;
    }
    if (this.#host.holds(incoming.root.meta)) {
      // Replacing the log would take away entries that this node has acknowledged.
      refuse({ code: "closed", message: "the log has the snapshot's last entry already" });
      return;
    }
    incoming.finish((failure) => {
      if (failure !== undefined) {
        this.#settleFailure(failure, refuse, done);
        return;
      }
      const which = { number: incoming.generation, receiving: true };
      loadGeneration(this.#ports, which, (loaded) => {
        const { root } = incoming;
        const wrong = loaded.ok ? contentProblem(root, loaded.value) : loaded.failure.message;
        if (!loaded.ok && loaded.failure.code !== "damaged") {
          this.#settleFailure(loaded.failure, refuse, done);
        } else if (!loaded.ok || wrong !== undefined) {
          refuse({ code: "closed", message: `the snapshot cannot be used: ${wrong}` });
        } else if (!this.#stopped) {
          this.#marking = { incoming, loaded: loaded.value, done, stage: "unsent" };
          this.tick();
        }
      });
    });
  }

  #settleFailure(
    failure: StoreFailure,
    refuse: (failure: StoreFailure) => void,
    done: StoreDone<CheckpointMeta>,
  ): void {
    if (failure.code === "no-space") {
      // Everything received stays: it can be asked again.
      done({ ok: false, failure });
      return;
    }
    refuse(failure);
    this.#host.failed(failure);
  }

  /** The log names the new folder: from here on there is no way back. */
  #marked(marking: Marking): void {
    if (this.#stopped) return;
    writeCurrent(this.#ports, marking.incoming.generation, (failure) => {
      if (this.#stopped) return;
      if (failure !== undefined) {
        this.#fail(marking, { code: "io", message: failure.message });
        return;
      }
      marking.stage = "named";
      this.tick();
    });
  }

  /**
   * Not before the log is quiet again: a vote or a term may have followed the marker into it, and who asked
   * for that waits for the answer, with all that it has to say to its peers.
   */
  #switch(marking: Marking): void {
    const { incoming, loaded, done } = marking;
    const old = this.#host.generationNumber();
    this.#marking = undefined;
    this.#incoming = undefined;
    this.#host.installed(loaded);
    const { disk, group } = this.#ports;
    disk.remove(generationFolder(group, old), () => undefined);
    done({ ok: true, value: incoming.root.meta });
  }

  #fail(marking: Marking, failure: StoreFailure): void {
    if (this.#stopped) return;
    marking.done({ ok: false, failure });
    if (failure.code !== "closed") this.#host.failed(failure);
  }
}

/** Why what was received is not the state that its root announced. */
function contentProblem(root: SnapshotRoot, loaded: LoadedGeneration): string | undefined {
  const meta = loaded.generation.meta;
  if (meta === undefined) return "it has no checkpoint";
  const same = meta.index === root.meta.index && meta.term === root.meta.term;
  const problem = damage(loaded.generation.folder, "its checkpoint is of another index");
  return same && equalBytes(meta.membership, root.meta.membership) ? undefined : problem.message;
}
