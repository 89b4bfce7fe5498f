import process from "node:process";
import { describe, expect, test } from "vitest";
import { Schedule, type ScheduleReport } from "./schedule.ts";

/** `RAFT_SEEDS=from..to` runs those; without it a fixed set that takes some ten seconds. */
function seeds(): { from: number; to: number } {
  const [from = 1, to = 400] = (process.env["RAFT_SEEDS"] ?? "1..400").split("..").map(Number);
  return { from, to };
}

describe("random schedules over 3 to 7 nodes", () => {
  test("keep the five safety properties and get work done once healed", {
    timeout: 600_000,
  }, () => {
    const { from, to } = seeds();
    const totals: Record<string, number> = {};
    const failures: string[] = [];
    for (let seed = from; seed <= to; seed++) {
      let report: ScheduleReport;
      try {
        report = new Schedule({ seed, steps: 1_500 }).run();
      } catch (error) {
        failures.push(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
        if (failures.length >= 5) break;
        continue;
      }
      for (const [name, count] of Object.entries(report)) {
        totals[name] = (totals[name] ?? 0) + count;
      }
    }
    if (process.env["RAFT_SEEDS"] !== undefined)
      process.stdout.write(`${JSON.stringify(totals)}\n`);
    expect(failures.join("\n")).toBe("");
  });
});
