import { describe, expect, it } from "vitest";
import { adviceOnOpenDoors } from "./open-doors.ts";

describe("a node that starts", () => {
  const here = { host: "127.0.0.1", port: 9324 };
  const everywhere = { host: "0.0.0.0", port: 9324 };

  it.each([
    ["says nothing without signatures on loopback", "off", here, undefined],
    ["warns without signatures elsewhere", "off", everywhere, "every queue"],
    ["warns with signatures elsewhere", "keys", everywhere, "the native API"],
    ["warns with signatures on loopback, for the proxy before it", "keys", here, "the native API"],
  ] as const)("%s", (_what, auth, clientListen, part) => {
    const advice = adviceOnOpenDoors({ auth, clientListen });
    if (part === undefined) expect(advice).toBeUndefined();
    else expect(advice).toContain(part);
  });
});
