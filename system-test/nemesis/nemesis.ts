/**
 * Carries out strikes, one after the other. After each the cluster mends: the fault budget of the
 * promises is a minority of damaged nodes, and a node counts as damaged until it is whole again.
 */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { until } from "../harness/condition.ts";
import type { Direction } from "../lab/links.ts";
import { diskReason, powerReason, throttleReason } from "../lab/rights.ts";
import type { SmallDisks } from "../lab/small-disks.ts";
import type { Arena } from "./arena.ts";
import { copyDirectory, damageFile, emptyDirectory } from "./damage.ts";
import { around, cutsOf } from "./partitions.ts";
import { describeStrike, type Strike } from "./strike.ts";

type Of<K extends Strike["kind"]> = Extract<Strike, { readonly kind: K }>;

/** Kinds that need a file system of the node's own. */
const DISK_KINDS: ReadonlySet<Strike["kind"]> = new Set([
  "full-disk",
  "slow-disk",
  "stalled-disk",
  "power-loss",
]);

export class Nemesis {
  readonly #arena: Arena;
  readonly #log: (line: string) => void;

  constructor(arena: Arena, log: (line: string) => void) {
    this.#arena = arena;
    this.#log = log;
  }

  /** Does the strike, lets it last, undoes it, and waits until the cluster is whole. */
  async strike(strike: Strike): Promise<void> {
    this.#log(`strike: ${describeStrike(strike)}`);
    const reason = this.#reasonAgainst(strike.kind);
    if (reason !== undefined) {
      this.#log(`left out: ${reason}`);
      return;
    }
    await this.#carryOut(strike);
    const leader = await this.#arena.whole();
    this.#log(`whole again, node ${leader} leads`);
  }

  #reasonAgainst(kind: Strike["kind"]): string | undefined {
    if (!DISK_KINDS.has(kind)) return undefined;
    if (kind === "power-loss") return powerReason();
    return kind === "slow-disk" ? throttleReason() : diskReason();
  }

  async #carryOut(strike: Strike): Promise<void> {
    switch (strike.kind) {
      case "kill":
        return await this.#kill(strike);
      case "restart":
        return await this.#restart(strike);
      case "pause":
        return await this.#pause(strike);
      case "partition":
        return await this.#partition(strike);
      case "flap":
        return await this.#flap(strike);
      case "slow-link":
        return await this.#slowLink(strike);
      case "lossy-links":
        return await this.#loseAPart(strike);
      case "full-disk":
        return await this.#fillDisk(strike);
      case "slow-disk":
        return await this.#slowDisk(strike);
      case "stalled-disk":
        return await this.#stallDisk(strike);
      case "power-loss":
        return await this.#losePower(strike);
      case "damage":
        return await this.#damage(strike);
      case "old-copy":
        return await this.#putBackOldCopy(strike);
      case "wipe":
        return await this.#wipe(strike);
      case "wall-clock":
        return await this.#moveClock(strike);
    }
  }

  async #kill({ who, lastsMs }: Of<"kill">): Promise<void> {
    const { ids } = this.#arena;
    const victims =
      who === "all" ? ids : who === "two" ? ids.slice(0, 2) : [await this.#arena.resolve(who)];
    await this.#arena.kill(victims);
    await pause(lastsMs);
    for (const id of victims) this.#arena.start(id);
  }

  async #restart({ who }: Of<"restart">): Promise<void> {
    const id = await this.#arena.resolve(who);
    this.#arena.excuse(id);
    const program = this.#arena.cluster.program(id);
    program.signal("SIGTERM");
    const { code } = await program.ended();
    if (code !== 0) throw new Error(`node ${id} ended with ${code} when it was asked to end`);
    this.#arena.start(id);
  }

  async #pause({ who, lastsMs }: Of<"pause">): Promise<void> {
    const id = await this.#arena.resolve(who);
    this.#arena.cluster.pause(id);
    await pause(lastsMs);
    this.#arena.cluster.resume(id);
  }

  async #partition({ shape, lastsMs }: Of<"partition">): Promise<void> {
    const leader = await this.#arena.findLeader();
    await this.#cut(cutsOf(shape, this.#arena.ids, leader));
    await pause(lastsMs);
    await this.#arena.links.heal();
  }

  async #flap({ who, times, everyMs }: Of<"flap">): Promise<void> {
    const id = await this.#arena.resolve(who);
    for (let time = 0; time < times; time += 1) {
      await this.#cut(around(id, this.#arena.ids));
      await pause(everyMs);
      await this.#arena.links.heal();
      await pause(everyMs);
    }
  }

  async #slowLink({ who, lastsMs, ...slowness }: Of<"slow-link">): Promise<void> {
    const id = await this.#arena.resolve(who);
    await this.#arena.links.setSlowness(id, slowness);
    await pause(lastsMs);
    await this.#arena.links.heal();
  }

  async #loseAPart({ lost, lastsMs }: Of<"lossy-links">): Promise<void> {
    const { ids, links } = this.#arena;
    for (const id of ids) {
      for (const direction of around(id, ids)) await links.setLink(direction, { lost });
    }
    await pause(lastsMs);
    await links.heal();
  }

  async #fillDisk({ who, lastsMs }: Of<"full-disk">): Promise<void> {
    const id = await this.#arena.resolve(who);
    await this.#disks().fill(id);
    await pause(lastsMs);
    this.#disks().empty(id);
  }

  async #slowDisk({ who, writesPerSecond, lastsMs }: Of<"slow-disk">): Promise<void> {
    const id = await this.#arena.resolve(who);
    this.#disks().throttle(id, this.#arena.cluster.program(id).pid, writesPerSecond);
    await pause(lastsMs);
    this.#disks().unthrottle(id);
  }

  async #stallDisk({ who, lastsMs }: Of<"stalled-disk">): Promise<void> {
    const id = await this.#arena.resolve(who);
    await this.#disks().freeze(id);
    try {
      await pause(lastsMs);
    } finally {
      await this.#disks().thaw(id);
    }
  }

  async #losePower({ who }: Of<"power-loss">): Promise<void> {
    const victims = who === "all" ? this.#arena.ids : [await this.#arena.resolve(who)];
    await this.#arena.losePower(victims);
  }

  async #damage(strike: Of<"damage">): Promise<void> {
    const id = await this.#arena.resolve(strike.who);
    await this.#arena.kill([id]);
    const { directory } = this.#arena.cluster.place(id);
    const done = damageFile(directory, strike);
    this.#log(done === undefined ? `no file of kind ${strike.file} yet` : `node ${id}: ${done}`);
    await this.startDamaged(id);
  }

  /**
   * Starts a node whose directory was damaged. It may refuse to start on it (an identity that nobody can
   * read): then, as its message says, the operator moves the directory away.
   */
  async startDamaged(id: number): Promise<void> {
    const { cluster } = this.#arena;
    const program = this.#arena.start(id);
    this.#arena.excuse(id);
    const became = await until(
      async () => {
        if (!program.running) return "refused";
        return (await cluster.ready(id)) ? "ready" : undefined;
      },
      { what: `node ${id} to be ready or to refuse`, timeoutMs: 60_000 },
    );
    if (became === "ready") return;
    this.#log(`node ${id} refused: ${program.output.split("\n").at(-1) ?? ""}`);
    emptyDirectory(cluster.place(id).directory);
    this.#arena.start(id);
  }

  async #putBackOldCopy({ who, lastsMs }: Of<"old-copy">): Promise<void> {
    const id = await this.#arena.resolve(who);
    const { directory } = this.#arena.cluster.place(id);
    const copy = join(this.#arena.cluster.folder, `copy-${id}`);
    await this.#arena.kill([id]);
    copyDirectory(directory, copy);
    this.#arena.start(id);
    await this.#arena.whole();
    await pause(lastsMs);
    await this.#arena.kill([id]);
    copyDirectory(copy, directory);
    this.#arena.start(id);
  }

  async #wipe({ who }: Of<"wipe">): Promise<void> {
    const id = await this.#arena.resolve(who);
    await this.#arena.kill([id]);
    emptyDirectory(this.#arena.cluster.place(id).directory);
    this.#arena.start(id);
  }

  async #moveClock({ who, offsetMs, lastsMs }: Of<"wall-clock">): Promise<void> {
    const id = await this.#arena.resolve(who);
    this.#arena.setClock(id, offsetMs);
    await pause(lastsMs);
    this.#arena.setClock(id, 0);
  }

  async #cut(directions: readonly Direction[]): Promise<void> {
    for (const direction of directions) await this.#arena.links.setLink(direction, { cut: true });
  }

  #disks(): SmallDisks {
    const { disks } = this.#arena;
    if (disks === undefined) throw new Error("no disks of their own here");
    return disks;
  }
}
