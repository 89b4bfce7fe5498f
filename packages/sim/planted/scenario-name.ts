/** The directed scenarios, by name: bugs refer to them, and only the bundle has their code. */
export type ScenarioName =
  | "two-candidates"
  | "figure-8"
  | "learners-only"
  | "half-of-a-joint-change"
  | "forgotten-majority"
  | "damaged-middle"
  | "slow-then-unplugged"
  | "killed-then-unplugged";
