/**
 * Nodes whose disk is not what it was. Each counts as failed until the others have taken it in again. One
 * that a restart did not make suspicious gets the operator's cure: its directory is emptied. So does a
 * directory that the node refuses to open.
 */
import { must, type NodeId } from "@kqueuey/base";
import type { Violation } from "../checkers/checker.ts";
import type { Death } from "../cluster.ts";
import type { Ground } from "./ground.ts";

/** What is known about an injury. */
export interface Injury {
  /** How long the node may go on before it is restarted to look for the damage; 0: it is down now. */
  readonly lurksMs: number;
  /** The node is sure to be recognised within bounded time, or a promise is broken. */
  readonly certain: boolean;
  /** Nothing on the disk may be used any more if the process ends before `lurksMs` is over. */
  readonly fragile: boolean;
}

type Stage = "lurking" | "checking" | "wiped";

interface Patient {
  readonly id: NodeId;
  readonly injury: Injury;
  readonly release: () => void;
  /** The admission under which it was hurt. */
  readonly incarnation: number;
  stage: Stage;
  sinceMs: number;
  /** The directory was refused: only emptying it helps. */
  refused: boolean;
  /** A start found the damage: the node asked to be admitted again. */
  suspected: boolean;
}

const LOOK_EVERY_MS = 50;
/** A process that ended by itself is started again after this, ms. */
const RESTART_MS = 200;
/** How long after a restart damage must have been found, if it ever is. */
const CHECK_MS = 1_500;
/** How long a node that forgot may go unrecognised while there is a leader. */
const RECOGNISED_WITHIN_MS = 20_000;

export class Patients {
  readonly violations: Violation[] = [];
  readonly #ground: Ground;
  readonly #patients = new Map<NodeId, Patient>();

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  get count(): number {
    return this.#patients.size;
  }

  /** The node was hurt now. While it lurks it is up; otherwise it is down and started after `downMs`. */
  admit(id: NodeId, injury: Injury, downMs: number): void {
    const { cluster, budget } = this.#ground;
    const patient: Patient = {
      id,
      injury,
      release: budget.hold(id),
      incarnation: this.#incarnations.get(id) ?? 0,
      stage: injury.lurksMs > 0 ? "lurking" : "checking",
      sinceMs: cluster.world.nowMs,
      refused: false,
      suspected: false,
    };
    this.#patients.set(id, patient);
    if (patient.stage === "lurking") this.#lookAgain(patient);
    else {
      this.#ground.mendLater(downMs, () => {
        this.#restart(patient);
        this.#lookAgain(patient);
      });
    }
  }

  /**
   * To be called before a node is hurt: remembers under which admission it speaks. False while it starts and
   * nobody can say: it may not be hurt then, since it would pass for admitted anew as soon as it speaks.
   */
  examine(id: NodeId): boolean {
    const status = this.#ground.cluster.replica(id)?.raft.status();
    if (status === undefined) return false;
    this.#incarnations.set(id, status.incarnation);
    return true;
  }

  /** A node that is being emptied. */
  admitWiped(id: NodeId, downMs: number): void {
    this.admit(id, { lurksMs: 0, certain: true, fragile: false }, downMs);
    must(this.#patients.get(id), "the patient").stage = "wiped";
  }

  /** A node stopped by itself: whether something that was done to its disk explains it. Starts it again. */
  explain(death: Death): boolean {
    const aboutDisk = death.reason.startsWith("storage: ") || death.reason.startsWith("refused: ");
    if (!aboutDisk) return false;
    const patient = this.#patients.get(death.node);
    if (patient !== undefined) {
      if (death.reason.startsWith("refused: ") && death.reason !== "refused: disk") {
        patient.refused = true;
      }
      return true;
    }
    if (death.injected === 0) return false;
    this.#ground.fail(death.node, RESTART_MS, () => this.#ground.restart(death.node));
    return true;
  }

  readonly #incarnations = new Map<NodeId, number>();

  #lookAgain(patient: Patient): void {
    this.#ground.later(LOOK_EVERY_MS, () => {
      if (!this.#look(patient)) this.#lookAgain(patient);
    });
  }

  /** True when the patient is well. */
  #look(patient: Patient): boolean {
    const { cluster } = this.#ground;
    const { id, injury } = patient;
    const forMs = cluster.world.nowMs - patient.sinceMs;
    if (!cluster.isUp(id)) {
      if (forMs >= RESTART_MS) this.#treatDead(patient);
      return false;
    }
    const isInProbation = cluster.replica(id)?.raft.status().probation === true;
    if (isInProbation && patient.stage !== "lurking") patient.suspected = true;
    if (this.#isWell(patient)) {
      this.#ground.log(id, "taken in again");
      this.#patients.delete(id);
      patient.release();
      return true;
    }
    if (patient.stage === "lurking" && forMs >= injury.lurksMs) {
      cluster.crash(id, "process");
      this.#enter(patient, "checking");
    } else if (patient.stage === "checking" && !this.#isRecognised(patient)) {
      this.#treatUnsuspected(patient, forMs);
    }
    return false;
  }

  #treatDead(patient: Patient): void {
    const early = patient.stage === "lurking" && patient.injury.fragile;
    if (patient.refused || early) this.#wipe(patient);
    else if (patient.stage === "lurking") this.#enter(patient, "checking");
    this.#restart(patient);
  }

  /** It is up and believes that all is well. */
  #treatUnsuspected(patient: Patient, forMs: number): void {
    const { id, injury } = patient;
    if (!injury.certain) {
      if (forMs < CHECK_MS) return;
      this.#ground.cluster.crash(id, "process");
      this.#wipe(patient);
      this.#restart(patient);
      return;
    }
    if (forMs < RECOGNISED_WITHIN_MS) return;
    this.violations.push({
      checker: "nemesis",
      promise: "a node that forgot is recognised",
      what: `node ${id} goes on ${forMs} ms after its disk was put back`,
    });
    this.#ground.cluster.crash(id, "process");
    this.#wipe(patient);
    this.#restart(patient);
  }

  #wipe(patient: Patient): void {
    this.#ground.log(patient.id, "the operator empties its directory");
    this.#ground.cluster.wipe(patient.id);
    patient.refused = false;
    this.#enter(patient, "wiped");
  }

  #enter(patient: Patient, stage: Stage): void {
    patient.stage = stage;
    patient.sinceMs = this.#ground.cluster.world.nowMs;
  }

  #restart(patient: Patient): void {
    patient.sinceMs = this.#ground.cluster.world.nowMs;
    this.#ground.restart(patient.id);
  }

  /** Taken in under another admission than the one under which it was hurt. */
  #isWell(patient: Patient): boolean {
    const status = this.#ground.cluster.replica(patient.id)?.raft.status();
    if (status === undefined || patient.stage === "lurking") return false;
    if (!this.#ground.isTakenIn(patient.id)) return false;
    // Who left the cluster and joined it meanwhile has another admission, and the damage still.
    if (!this.#isRecognised(patient)) return false;
    return status.incarnation !== patient.incarnation || !this.#isMember(patient.id);
  }

  #isMember(id: NodeId): boolean {
    const members = this.#ground.leaderStatus()?.membership.members ?? [];
    return members.some((member) => member.id === id);
  }

  /**
   * It waits to be admitted or was admitted anew, though not by all yet; or it is not that far yet. A copy of an older
   * state is recognised by its admission; of damage the node itself must have told.
   */
  #isRecognised({ id, incarnation, injury, stage, suspected }: Patient): boolean {
    const status = this.#ground.cluster.replica(id)?.raft.status();
    if (status === undefined || status.probation || suspected || stage === "wiped") return true;
    return injury.certain && (status.incarnation !== incarnation || !this.#isMember(id));
  }
}
