/**
 * W7: the four actions of SQS one after another, each by many callers at once, so that latency and
 * processor time can be told for each. What one sends the next receives and the last deletes: at the end the
 * queue is empty, and no more messages are in flight than the service allows.
 */
import { randomBytes } from "node:crypto";
import { createClient } from "@kqueuey/client";
import hdr from "hdr-histogram-js";
import type { Assignment, Figures, SqsWork } from "../assignment.ts";
import type { Milestones } from "../load.ts";
import { BATCH, type SqsDriver } from "../sqs/driver.ts";
import { RawSqsDriver } from "../sqs/raw-driver.ts";
import { SdkSqsDriver } from "../sqs/sdk-driver.ts";

/** How much of a measured round goes before it, for the servers to be warm. */
const WARM_UP_CALLS = 3_000;

type Phase = "send" | "sendBatch" | "receive" | "deleteBatch";

export async function sqs(
  assignment: Assignment,
  work: SqsWork,
  milestones: Milestones,
): Promise<Figures> {
  const [url = ""] = assignment.reach.addresses;
  const { queue } = assignment;
  const client = createClient({ endpoints: assignment.reach.addresses, name: "bench" });
  await client.createQueue(queue, { attributes: { visibilityTimeoutMs: 600_000 } });
  await client.close();
  const drivers = await openDrivers(url, `${url}/000000000000/${queue}`, work);
  const bodies = textSource(assignment.bodyBytes);
  await round({ drivers, bodies, calls: WARM_UP_CALLS });
  const figures = await round({ drivers, bodies, calls: work.calls }, milestones);
  for (const driver of drivers) driver.close();
  return figures;
}

/** One a caller; the SDK has its own pool of connections. */
async function openDrivers(
  url: string,
  queueUrl: string,
  work: SqsWork,
): Promise<readonly SqsDriver[]> {
  const { callers, credentials, generator } = work;
  const places = Array.from({ length: callers });
  if (generator === "raw") {
    return Promise.all(places.map(() => RawSqsDriver.open(url, queueUrl, credentials)));
  }
  const shared = new SdkSqsDriver(url, queueUrl, credentials);
  return places.map(() => shared);
}

interface Round {
  readonly drivers: readonly SqsDriver[];
  readonly bodies: () => string;
  /** Of each phase. */
  readonly calls: number;
}

async function round(of: Round, milestones?: Milestones): Promise<Figures> {
  const { bodies } = of;
  const received: (readonly string[])[] = [];
  const receive = async (driver: SqsDriver): Promise<void> => {
    const handles = await driver.receive();
    if (handles.length > 0) received.push(handles);
  };
  const remove = async (driver: SqsDriver): Promise<void> => {
    const handles = received.pop();
    if (handles !== undefined) await driver.deleteBatch(handles);
  };
  const phase = (name: Phase, call: (driver: SqsDriver) => Promise<void>): Promise<Figures> =>
    runPhase({ ...of, name, call }, milestones);
  return {
    ...(await phase("sendBatch", (driver) =>
      driver.sendBatch(Array.from({ length: BATCH }, bodies)),
    )),
    ...(await phase("receive", receive)),
    ...(await phase("deleteBatch", remove)),
    ...(await phase("send", (driver) => driver.send(bodies()))),
    ...(await drain(of)),
  };
}

async function runPhase(
  of: Round & { readonly name: Phase; readonly call: (driver: SqsDriver) => Promise<void> },
  milestones?: Milestones,
): Promise<Figures> {
  const micros = hdr.build({ lowestDiscernibleValue: 1, highestTrackableValue: 120_000_000 });
  let left = of.calls;
  const work = async (driver: SqsDriver): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const began = performance.now();
      await of.call(driver);
      micros.recordValue(Math.max(1, Math.round((performance.now() - began) * 1_000)));
    }
  };
  milestones?.begin();
  const beganMs = performance.now();
  await Promise.all(of.drivers.map(work));
  const tookMs = performance.now() - beganMs;
  milestones?.end({ name: of.name, calls: of.calls });
  return {
    [`${of.name}CallsPerSecond`]: (of.calls * 1_000) / tookMs,
    [`${of.name}P50Ms`]: micros.getValueAtPercentile(50) / 1_000,
    [`${of.name}P99Ms`]: micros.getValueAtPercentile(99) / 1_000,
  };
}

/** Removes what single sends left, unmeasured. */
async function drain({ drivers }: Round): Promise<Figures> {
  const work = async (driver: SqsDriver): Promise<void> => {
    for (;;) {
      const handles = await driver.receive();
      if (handles.length === 0) return;
      await driver.deleteBatch(handles);
    }
  };
  await Promise.all(drivers.map(work));
  return {};
}

/** Random texts that JSON need not escape. */
function textSource(bytes: number): () => string {
  const pool = randomBytes(1_048_576).toString("base64url");
  let at = 0;
  return () => {
    at = at + 2 * bytes > pool.length ? at % 7 : at + bytes;
    return pool.slice(at, at + bytes);
  };
}
