import { expect, test } from "vitest";
import { PLANTED_BUGS } from "./catalogue.ts";
import { hunt } from "./hunt.ts";

const GATE = PLANTED_BUGS.filter((bug) => bug.gate === true);
const LIMIT_MS = 300_000;

test(
  "the planted bugs of the short list are caught, and the code without them passes",
  async () => {
    const options = { threads: 2, firstSeed: 1, seedsMax: undefined, done: () => undefined };
    const caught = await hunt(GATE, options);
    const told = caught.map(({ bug, outcome }) => `${bug.name}: ${outcome.kind}`);
    expect(told).toEqual(GATE.map((bug) => `${bug.name}: caught`));
  },
  LIMIT_MS,
);
