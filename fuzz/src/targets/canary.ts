/** A target with a planted bug, which every run must find: a fuzzer that finds nothing may be asleep. */
import type { Target } from "../target.ts";
import { promise } from "../target.ts";

/** A record: a length, and as many bytes. The bug: a length beyond the record is believed. */
export const canary: Target = {
  name: "canary",
  promise: "is broken on purpose: a run that does not catch it is no run.",
  smokeInputs: 2_000,
  canary: true,
  open: () => ({
    samples: [Uint8Array.of(3, 10, 20, 30)],
    run(input) {
      const [length = 0] = input;
      promise(length < input.length || input.length === 0, "a length was believed");
    },
  }),
};
