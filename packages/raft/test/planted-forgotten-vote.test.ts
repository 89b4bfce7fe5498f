import { nodeId } from "@kqueuey/base";
import { parseScript } from "@kqueuey/base/testing";
import { expect, test } from "vitest";
import { runCommand } from "./commands.ts";
import { InteractionEnv } from "./interaction-env.ts";
import { SafetyViolation } from "./safety-checker.ts";

/** n1 and n2 campaign in one term; n3 votes for n1, restarts, and is asked by n2. */
const TWO_CANDIDATES = `
nodes voters=3
----

campaign n1
----

campaign n2
----

deliver kind=pre-vote-request
----

deliver kind=pre-vote-response
----

deliver kind=vote-request from=1 to=3
----

deliver kind=vote-response from=3
----

crash n3
----

restart n3
----

deliver kind=vote-request from=2 to=3
----

deliver kind=vote-response from=3
----
`;

function play(env: InteractionEnv, forget: boolean): void {
  for (const command of parseScript(TWO_CANDIDATES)) {
    const { disk } = env.nodes.get(nodeId(3)) ?? {};
    if (forget && disk !== undefined && command.name === "restart") {
      disk.hardState = { ...disk.hardState, vote: 0 };
    }
    runCommand(env, command);
  }
}

test("a node that forgets its vote when it restarts makes two leaders of a term, and that is caught", () => {
  expect(() => play(new InteractionEnv(), true)).toThrow(SafetyViolation);
  const honest = new InteractionEnv();
  play(honest, false);
  const roles = [1, 2, 3].map((id) => honest.node(nodeId(id)).raft?.status().role);
  expect(roles).toEqual(["leader", "candidate", "follower"]);
});
