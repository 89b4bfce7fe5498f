/**
 * A load process. It is told what to do by its parent's first message and answers with what it
 * measured. It uses a driver, as a program of that system's users would.
 */
import type { Assignment, Figures, Phase, Report } from "./assignment.ts";
import type { Driver } from "./driver.ts";
import { openDriver } from "./drivers/open.ts";
import { callers } from "./workloads/callers.ts";
import { failover } from "./workloads/failover.ts";
import { fill, fillDrain } from "./workloads/fill.ts";
import { latency } from "./workloads/latency.ts";
import { queues } from "./workloads/queues.ts";
import { sqs } from "./workloads/sqs.ts";
import { throughput } from "./workloads/throughput.ts";

/** What a workload tells its parent while it runs. */
export interface Milestones {
  begin(): void;
  end(phase?: Phase): void;
  steady(): void;
}

process.once("message", (value: unknown) => {
  if (!isAssignment(value)) throw new Error("the first message was no assignment");
  void main(value).then(
    (figures) => tell({ kind: "done", figures }, () => process.exit(0)),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});

async function main(assignment: Assignment): Promise<Figures> {
  const milestones: Milestones = {
    begin: () => tell({ kind: "begin" }),
    end: (phase) => tell(phase === undefined ? { kind: "end" } : { kind: "end", phase }),
    steady: () => tell({ kind: "steady" }),
  };
  if (assignment.work.kind === "queues")
    return await queues(assignment, assignment.work, milestones);
  if (assignment.work.kind === "sqs") return await sqs(assignment, assignment.work, milestones);
  const driver = await openDriver(assignment.reach);
  await driver.open(assignment.queue);
  return await measure(driver, assignment, milestones);
}

function measure(driver: Driver, assignment: Assignment, milestones: Milestones): Promise<Figures> {
  const { work } = assignment;
  switch (work.kind) {
    case "throughput":
      return throughput(driver, { ...assignment, ...work }, milestones);
    case "fill-drain":
      return fillDrain(driver, { ...assignment, ...work });
    case "fill":
      return fill(driver, { ...assignment, ...work });
    case "latency":
      return latency(driver, { ...assignment, ...work });
    case "callers":
      return callers(driver, { ...assignment, ...work }, milestones);
    case "failover":
      return failover(driver, { ...assignment, ...work }, milestones);
    case "queues":
    case "sqs":
      throw new Error(`"${work.kind}" has a load of its own`);
  }
}

function tell(report: Report, sent?: () => void): void {
  process.send?.(report, undefined, {}, () => sent?.());
}

function isAssignment(value: unknown): value is Assignment {
  return typeof value === "object" && value !== null && "work" in value && "reach" in value;
}
