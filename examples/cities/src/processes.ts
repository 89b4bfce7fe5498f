/** The demo's child processes: a sender and some workers, which report over a channel. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Ledger } from "./ledger.ts";
import type { Assignment, Report } from "./messages.ts";

export class DemoProcesses {
  readonly #children: ChildProcess[] = [];
  readonly #ledger: Ledger;
  readonly #assignment: Assignment;

  constructor(assignment: Assignment, ledger: Ledger) {
    this.#assignment = assignment;
    this.#ledger = ledger;
  }

  /** Runs sender.ts or worker.ts. Resolves when it said that it is done, rejects when it ended before. */
  run(program: "sender" | "worker"): Promise<void> {
    const file = fileURLToPath(new URL(`./${program}.ts`, import.meta.url));
    const child = fork(file, { serialization: "advanced" });
    this.#children.push(child);
    child.send(this.#assignment);
    return new Promise((resolve, reject) => {
      let done = false;
      child.on("message", (value: Report) => {
        if (value.kind === "sent") this.#ledger.recordSent(value);
        else if (value.kind === "worked") this.#ledger.recordWorked(value);
        else done = true;
      });
      child.once("error", reject);
      child.once("exit", (code, signal) => {
        if (done) resolve();
        else reject(new Error(`the ${program} ended with ${signal ?? `status ${code}`}`));
      });
    });
  }

  /** Asks the workers to finish the batches that they have. */
  stopWorkers(): void {
    for (const child of this.#children) if (child.connected) child.send("stop");
  }

  killAll(): void {
    for (const child of this.#children) child.kill("SIGKILL");
  }
}
