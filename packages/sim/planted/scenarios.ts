/** The directed scenarios: each leads a cluster into the one corner where some wrong behaviour matters. */
import type { Direction } from "../src/run.ts";
import type { ScenarioName } from "./scenario-name.ts";
import { damagedMiddle } from "./scenarios/damaged-middle.ts";
import { figure8 } from "./scenarios/figure-8.ts";
import { forgottenMajority, halfOfAJointChange, learnersOnly } from "./scenarios/members.ts";
import { killedThenUnplugged, slowThenUnplugged } from "./scenarios/sound-disk.ts";
import { twoCandidates } from "./scenarios/two-candidates.ts";

export const SCENARIOS: Readonly<Record<ScenarioName, Direction>> = {
  "two-candidates": twoCandidates,
  "figure-8": figure8,
  "learners-only": learnersOnly,
  "half-of-a-joint-change": halfOfAJointChange,
  "forgotten-majority": forgottenMajority,
  "damaged-middle": damagedMiddle,
  "slow-then-unplugged": slowThenUnplugged,
  "killed-then-unplugged": killedThenUnplugged,
};
