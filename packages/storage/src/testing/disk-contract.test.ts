import { describe, test } from "vitest";
import { DISK_CONTRACT } from "./disk-contract.ts";
import { MemoryDisk } from "./memory-disk.ts";

describe("the disk in memory keeps the Disk contract", () => {
  for (const { title, run } of DISK_CONTRACT) {
    test(title, async () => {
      const disk = new MemoryDisk();
      await run({
        disk,
        turn: async () => {
          disk.step();
        },
      });
    });
  }
});
