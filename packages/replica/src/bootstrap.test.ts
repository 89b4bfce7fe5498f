import { nodeId, term } from "@kqueuey/base";
import { expect, test } from "vitest";
import { Bootstrap } from "./bootstrap.ts";

const [two, three] = [nodeId(2), nodeId(3)];

test("an empty directory begins a cluster only when every peer is empty too", () => {
  const bootstrap = new Bootstrap([two, three]);
  expect(bootstrap.decide(false)).toBe("wait");
  bootstrap.onGreeting(two, "fresh", term(0));
  expect(bootstrap.decide(false)).toBe("wait");
  expect(bootstrap.missing()).toEqual([three]);
  bootstrap.onGreeting(three, "new", term(0));
  expect(bootstrap.decide(false)).toBe("begin");
});

test("a peer that ever voted makes it a node that lost its memory", () => {
  const bootstrap = new Bootstrap([two, three]);
  bootstrap.onGreeting(two, "new", term(1));
  expect(bootstrap.decide(false)).toBe("probation");
  bootstrap.onGreeting(two, "member", term(0));
  expect(bootstrap.decide(true)).toBe("probation");
});

test("the operator's word replaces answers that do not come", () => {
  expect(new Bootstrap([two, three]).decide(true)).toBe("begin");
  expect(new Bootstrap([]).decide(false)).toBe("begin");
});
