/**
 * A move task moves what was there when it began, oldest first, each message once, no faster than its rate and
 * without long pauses: on every replica, after every entry, its state is that of the auditor's account.
 */
import { type NodeId, toHex } from "@kqueuey/base";
import { type QueueMachine, queueId } from "@kqueuey/queue";
import type { Entry } from "@kqueuey/raft";
import type { Auditor, TaskAfter } from "../auditor/auditor.ts";
import { LATE_MS, nextStepOf, type Task } from "../auditor/moves.ts";
import type { Checker, RunEnd, Violation } from "./checker.ts";
import { oneLeaderBetween } from "./one-leader-between.ts";
import { Verdicts } from "./verdicts.ts";

export class AuditedMoves implements Checker {
  readonly name = "audited-moves";
  readonly promise = "a move task moves each message once, at its rate";
  readonly #verdicts = new Verdicts(this.name, this.promise);
  readonly #auditor: Auditor;

  constructor(auditor: Auditor) {
    this.#auditor = auditor;
  }

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  applied(node: { readonly id: NodeId }, entry: Entry, machine: QueueMachine): void {
    for (const task of this.#auditor.at(entry.index)?.tasks ?? []) {
      this.#compare(node.id, machine, task);
    }
  }

  ended(end: RunEnd): void {
    for (const { id, replica } of end.nodes) {
      if (replica.machine.appliedIndex !== this.#auditor.index) continue;
      for (const [source, tasks] of this.#auditor.moves.tasks) {
        for (const task of tasks) {
          this.#compare(id, replica.machine, { ...task, source: source.id });
        }
        const kept = replica.machine.moveTasks(queueId(source.id))?.length;
        if (kept === tasks.length) continue;
        this.#verdicts.broken(`node ${id} knows ${kept} tasks of ${source.name}`);
      }
    }
    for (const task of this.#auditor.moves.all) this.#judgePace(task, end.drained);
  }

  #compare(node: NodeId, machine: QueueMachine, account: TaskAfter): void {
    const tasks = machine.moveTasks(queueId(account.source)) ?? [];
    const task = tasks.find(({ taskId }) => toHex(taskId) === account.id);
    const status = task?.failure === "none" ? task.status : `${task?.status} ${task?.failure}`;
    const { moved, toMove } = account;
    if (status === account.status && task?.moved === moved && task.toMove === toMove) return;
    this.#verdicts.broken(
      `at index ${machine.appliedIndex} node ${node} says of a task of queue ${account.source}: ` +
        `${status}, moved ${task?.moved} of ${task?.toMove}; it should be ${account.status}, ${moved} of ${toMove}`,
    );
  }

  #judgePace(task: Task, drained: boolean): void {
    for (const { dueAt, takenAt } of task.late) {
      if (!oneLeaderBetween(this.#auditor, dueAt, takenAt)) continue;
      this.#verdicts.broken(
        `a step of ${task.source.name} was due at ${dueAt}, taken at ${takenAt}`,
      );
    }
    const isOver = task.status !== "running" || task.source.isDeleted;
    if (isOver || !drained || this.#auditor.now <= nextStepOf(task) + LATE_MS) return;
    this.#verdicts.broken(`a task of ${task.source.name} is due since ${nextStepOf(task)}`);
  }
}
