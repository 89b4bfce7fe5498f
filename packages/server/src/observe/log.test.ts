import { describe, expect, it } from "vitest";
import { createLogger } from "./log.ts";

function capture(format: "text" | "json", level: "info" | "debug" = "info") {
  const lines: string[] = [];
  const log = createLogger({ level, format, fields: { node: 2 }, write: (l) => lines.push(l) });
  return { log, lines };
}

describe("the log", () => {
  it("writes one JSON object an event", () => {
    const { log, lines } = capture("json");
    log.child({ group: 0 }).info("leader-elected", { term: 3 });
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines.join(""))).toMatchObject({
      level: "info",
      event: "leader-elected",
      node: 2,
      group: 0,
      term: 3,
    });
  });

  it("writes lines for people, with an error's stack below", () => {
    const { log, lines } = capture("text");
    log.warn("peer-lost", { peer: "a:1", why: "reset by peer", error: new Error("boom") });
    expect(lines.join("")).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} WARN {2}peer-lost node=2 peer=a:1 why="reset by peer"\n {4}Error: boom\n {4} {4}at /,
    );
  });

  it("leaves out what is below its level", () => {
    const { log, lines } = capture("text");
    log.debug("detail");
    log.error("fault");
    expect(lines).toHaveLength(1);
  });
});
