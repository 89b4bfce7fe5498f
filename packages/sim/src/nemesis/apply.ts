/**
 * Carries a plan's strikes out on a cluster, each at its time, within the fault budget, and mends what it
 * broke.
 */
import type { NodeId } from "@kqueuey/base";
import type { Violation } from "../checkers/checker.ts";
import type { SimCluster } from "../cluster.ts";
import type { NetworkFaults } from "../network.ts";
import { describeStrike, STRIKE } from "../report/timeline.ts";
import { damage, diskErrors, fullDisk, OldDisks, slowDisk, strayWrite, wipe } from "./disks.ts";
import { Ground } from "./ground.ts";
import {
  breakConnections,
  bridge,
  cutLink,
  flap,
  isolate,
  slowLink,
  split,
  weather,
} from "./links.ts";
import { Operator, transfer } from "./members.ts";
import { crash, pause, powerCut, rollingRestart, stall } from "./outages.ts";
import { Patients } from "./patients.ts";
import type { Strike } from "./strike.ts";

export class Nemesis {
  /** Strikes that were carried out. */
  struck = 0;
  readonly #ground: Ground;
  readonly #patients: Patients;
  readonly #oldDisks: OldDisks;
  readonly #operator: Operator;

  /** `calm`: the network without faults. */
  constructor(cluster: SimCluster, calm: NetworkFaults) {
    this.#ground = new Ground(cluster, calm);
    this.#patients = new Patients(this.#ground);
    this.#oldDisks = new OldDisks(this.#ground, this.#patients);
    this.#operator = new Operator(this.#ground);
    cluster.onDeath = (death) => this.#patients.explain(death);
  }

  /** Promises that were broken under the nemesis's own eyes. */
  get violations(): readonly Violation[] {
    return this.#patients.violations;
  }

  /** From now on strikes come, `atMs` after this moment. */
  begin(strikes: readonly Strike[]): void {
    for (const strike of strikes) {
      if (strike.kind === "old-disk") this.#oldDisks.prepare(strike);
      this.#ground.later(strike.atMs, () => {
        if (this.#ground.isOver) return;
        this.#ground.log(undefined, `${STRIKE}${describeStrike(strike)}`);
        if (this.#apply(strike)) this.struck += 1;
        else this.#ground.log(undefined, `skipped ${strike.kind}`);
      });
    }
  }

  /**
   * Mends everything, but for `minority`, which is down from now on until `healAll`, as far as the budget
   * allows with those that are not taken in again yet.
   */
  healMajority(minority: readonly number[]): void {
    const { cluster, budget } = this.#ground;
    this.#ground.log(undefined, "healing");
    this.#ground.mendAll();
    cluster.network.heal();
    this.#operator.restore();
    for (const id of cluster.ids) {
      cluster.resume(id);
      if (!budget.isFailed(id)) this.#ground.restart(id);
    }
    for (const id of cluster.ids.filter((each) => minority.includes(each))) {
      if (!cluster.isUp(id) || budget.isFailed(id) || !budget.allows([id])) continue;
      cluster.crash(id, "power");
      this.#down.set(id, budget.hold(id));
    }
  }

  /** Everybody is up again, and no fault is left. */
  healAll(): void {
    for (const [id, release] of this.#down) {
      release();
      this.#ground.restart(id);
    }
    this.#down.clear();
  }

  /** True when no node waits to be taken in again and none is failed otherwise. */
  get isCured(): boolean {
    return this.#patients.count === 0 && this.#ground.budget.failed === 0;
  }

  /** Nodes whose disk was hurt and that are not taken in again yet. */
  get patients(): number {
    return this.#patients.count;
  }

  readonly #down = new Map<NodeId, () => void>();

  /** False when the strike may not be now, or has no victim. */
  #apply(strike: Strike): boolean {
    const ground = this.#ground;
    switch (strike.kind) {
      case "crash":
        return crash(ground, strike);
      case "pause":
        return pause(ground, strike);
      case "stall":
        return stall(ground, strike);
      case "power-cut":
        return powerCut(ground, strike);
      case "rolling-restart":
        return rollingRestart(ground, strike);
      case "wipe":
        return wipe(ground, this.#patients, strike);
      case "old-disk":
        return this.#oldDisks.putBack(strike);
      case "damage":
        return damage(ground, this.#patients, strike);
      case "stray-write":
        return strayWrite(ground, this.#patients, strike);
      case "disk-errors":
        return diskErrors(ground, strike);
      case "slow-disk":
        return slowDisk(ground, strike);
      case "full-disk":
        return fullDisk(ground, strike);
      case "isolate":
        return isolate(ground, strike);
      case "split":
        return split(ground, strike);
      case "bridge":
        return bridge(ground, strike);
      case "cut-link":
        return cutLink(ground, strike);
      case "flap":
        return flap(ground, strike);
      case "slow-link":
        return slowLink(ground, strike);
      case "weather":
        return weather(ground, strike);
      case "break-connections":
        return breakConnections(ground, strike);
      case "clock-jump":
        return this.#jumpClock(strike);
      case "transfer":
        return transfer(ground, strike);
      case "membership":
        return this.#operator.change(strike);
    }
  }

  #jumpClock(strike: Extract<Strike, { kind: "clock-jump" }>): boolean {
    const id = this.#ground.resolve(strike.victim, strike.atMs);
    if (id === undefined) return false;
    this.#ground.cluster.jumpClock(id, strike.byMs);
    return true;
  }
}
