import { KQueueyError } from "@kqueuey/contract";
import { describe, expect, it } from "vitest";
import type { PlainResponse } from "../../exchange.ts";
import { MemoryBroker } from "../../testing/memory-broker.ts";
import { ManualClock } from "../../testing/timer-clock.ts";
import { createHealthHandlers } from "./health.ts";

function setUp() {
  const broker = new MemoryBroker(new ManualClock());
  let reason: string | undefined;
  const handlers = createHealthHandlers(
    {
      nodeId: 7,
      unreadyReason: () => reason,
      longestTurn: () => ({ wallMs: 3.4567, cpuMs: 1 }),
    },
    broker,
  );
  const get = async (path: string, method = "GET"): Promise<PlainResponse> => {
    const request = {
      method,
      path,
      query: "",
      header: () => undefined,
      body: new Uint8Array(0),
      signal: new AbortController().signal,
    };
    const handler = handlers.get(path);
    if (handler === undefined) throw new Error(`nothing serves ${path}`);
    return handler.handle(request);
  };
  return {
    broker,
    get,
    setReason: (text: string) => {
      reason = text;
    },
  };
}

function bodyOf(response: PlainResponse): unknown {
  return JSON.parse(String(response.body));
}

describe("the probes", () => {
  it("say that the process is alive", async () => {
    const { get } = setUp();
    const response = await get("/healthz");
    expect(response.status).toBe(200);
    expect(bodyOf(response)).toEqual({
      status: "ok",
      nodeId: 7,
      longestTurn: { wallMs: 3.46, cpuMs: 1 },
    });
  });

  it("say whether requests may come, and why not", async () => {
    const { get, setReason } = setUp();
    expect((await get("/readyz")).status).toBe(200);
    setReason("no leader is known");
    const response = await get("/readyz");
    expect(response.status).toBe(503);
    expect(bodyOf(response)).toMatchObject({ status: "unready", reason: "no leader is known" });
  });

  it("show the cluster, or the error's code", async () => {
    const { get, broker } = setUp();
    expect(bodyOf(await get("/clusterz"))).toMatchObject({ clusterId: "memory", leader: 1 });
    broker.failWith(new KQueueyError("UNAVAILABLE", "no leader"));
    const response = await get("/clusterz");
    expect(response.status).toBe(503);
    expect(bodyOf(response)).toEqual({
      code: "UNAVAILABLE",
      message: "no leader",
      retryable: true,
    });
  });

  it("answer GET and HEAD alone", async () => {
    const { get } = setUp();
    expect((await get("/healthz", "HEAD")).body).toBe("");
    const response = await get("/healthz", "POST");
    expect(response.status).toBe(405);
    expect(response.headers).toMatchObject({ allow: "GET, HEAD" });
  });
});
