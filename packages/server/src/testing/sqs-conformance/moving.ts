/** Moving dead letters back. */
import assert from "node:assert/strict";
import type { SqsCaller } from "../sqs-caller.ts";
import { ARN, type Behaviour, ok, receive, redriveTo, refused } from "./behaviour.ts";

const SOURCE = { SourceArn: `${ARN}:dead` };

/** A dead-letter queue with `count` dead letters of q; gives the id of the first. */
async function bury(sqs: SqsCaller, count: number): Promise<unknown> {
  await sqs.createQueue("dead");
  await sqs.createQueue("q", { VisibilityTimeout: "0", RedrivePolicy: redriveTo("dead", 1) });
  for (let i = 0; i < count; i++) await sqs.sendMessage("q", `body ${i}`);
  const [first] = await receive(sqs, "q");
  await receive(sqs, "q");
  return first?.["MessageId"];
}

/** The newest task of the queue. */
async function newest(sqs: SqsCaller): Promise<Readonly<Record<string, unknown>>> {
  const { Results: results } = await ok(sqs, "ListMessageMoveTasks", SOURCE);
  assert.ok(Array.isArray(results) && results.length === 1);
  return Object(results[0]);
}

export const MOVING: readonly Behaviour[] = [
  {
    action: "StartMessageMoveTask",
    behaviour: "without a destination",
    service: "each message goes back to the queue that it came from, as one never received",
    test: async (sqs) => {
      await bury(sqs, 2);
      await ok(sqs, "StartMessageMoveTask", SOURCE);
      sqs.clock.advance(1_000);
      const asked = { AttributeNames: ["ApproximateReceiveCount", "DeadLetterQueueSourceArn"] };
      const [back, ...others] = await receive(sqs, "q", asked);
      assert.equal(others.length, 1);
      assert.deepEqual(back?.["Attributes"], { ApproximateReceiveCount: "1" });
    },
  },
  {
    action: "StartMessageMoveTask",
    behaviour: "what a moved message is",
    service: "a new message: another id, sent now; its retention begins anew",
    ours: "its retention begins anew; its id and time of sending stay, so that it can be followed",
    test: async (sqs) => {
      const id = await bury(sqs, 1);
      await ok(sqs, "StartMessageMoveTask", SOURCE);
      sqs.clock.advance(1_000);
      const [back] = await receive(sqs, "q");
      assert.equal(back?.["MessageId"], id);
    },
  },
  {
    action: "StartMessageMoveTask",
    behaviour: "messages that come to the source meanwhile, or are in flight there",
    service: "may be moved too",
    ours: "the task is of the messages that were there when it began, as long as they can be received",
    test: async (sqs) => {
      await bury(sqs, 1);
      await ok(sqs, "StartMessageMoveTask", { ...SOURCE, DestinationArn: `${ARN}:q` });
      await sqs.sendMessage("dead", "later");
      sqs.clock.advance(1_000);
      assert.equal((await newest(sqs))["Status"], "COMPLETED");
      assert.equal((await receive(sqs, "dead")).length, 1);
    },
  },
  {
    action: "StartMessageMoveTask",
    behaviour: "a message that was sent to the dead-letter queue itself, without a destination",
    service: "the task fails: `CouldNotDetermineMessageSource`",
    test: async (sqs) => {
      await bury(sqs, 0);
      await sqs.sendMessage("dead", "from nowhere");
      await ok(sqs, "StartMessageMoveTask", SOURCE);
      sqs.clock.advance(1_000);
      const { Status: status, FailureReason: reason } = await newest(sqs);
      assert.deepEqual([status, reason], ["FAILED", "CouldNotDetermineMessageSource"]);
    },
  },
  {
    action: "StartMessageMoveTask",
    behaviour: "a queue that is no dead-letter queue; a second task of one queue",
    service: "`InvalidParameterValue`",
    test: async (sqs) => {
      await bury(sqs, 2);
      const code = "InvalidParameterValue";
      const input = { ...SOURCE, MaxNumberOfMessagesPerSecond: 1 };
      await ok(sqs, "StartMessageMoveTask", input);
      await refused(sqs.call("StartMessageMoveTask", input), code, "already a task running");
      const other = { SourceArn: `${ARN}:q` };
      const part = "Source queue must be configured as a Dead Letter Queue.";
      await refused(sqs.call("StartMessageMoveTask", other), code, part);
    },
  },
  {
    action: "ListMessageMoveTasks",
    behaviour: "the tasks of a queue",
    service: "the newest first, ten at most; a handle only while a task runs",
    ours: "the same; `DestinationArn` is absent too once that queue was deleted",
    test: async (sqs) => {
      await bury(sqs, 2);
      assert.deepEqual(await ok(sqs, "ListMessageMoveTasks", SOURCE), { Results: [] });
      const input = { ...SOURCE, MaxNumberOfMessagesPerSecond: 1 };
      const { TaskHandle: handle } = await ok(sqs, "StartMessageMoveTask", input);
      const { StartedTimestamp: startedMs, ...task } = await newest(sqs);
      assert.ok(Math.abs(sqs.clock.nowMs() - Number(startedMs)) < 1_000);
      assert.deepEqual(task, {
        TaskHandle: handle,
        Status: "RUNNING",
        ...SOURCE,
        MaxNumberOfMessagesPerSecond: 1,
        ApproximateNumberOfMessagesMoved: 0,
        ApproximateNumberOfMessagesToMove: 2,
      });
      let ended = await newest(sqs);
      for (let second = 0; ended["Status"] === "RUNNING" && second < 60; second++) {
        sqs.clock.advance(1_000);
        ended = await newest(sqs);
      }
      assert.deepEqual([ended["Status"], ended["TaskHandle"]], ["COMPLETED", undefined]);
    },
  },
  {
    action: "CancelMessageMoveTask",
    behaviour: "a running task",
    service: "becomes CANCELLING, then CANCELLED; what it moved stays moved",
    ours: "is CANCELLED at once",
    test: async (sqs) => {
      await bury(sqs, 2);
      const input = { ...SOURCE, MaxNumberOfMessagesPerSecond: 1 };
      const { TaskHandle: handle } = await ok(sqs, "StartMessageMoveTask", input);
      sqs.clock.advance(1_000);
      const answer = await ok(sqs, "CancelMessageMoveTask", { TaskHandle: handle });
      assert.deepEqual(answer, { ApproximateNumberOfMessagesMoved: 1 });
      assert.equal((await newest(sqs))["Status"], "CANCELLED");
    },
  },
  {
    action: "CancelMessageMoveTask",
    behaviour: "a handle that is none",
    service: "`InvalidParameterValue`",
    test: async (sqs) =>
      refused(
        sqs.call("CancelMessageMoveTask", { TaskHandle: "x" }),
        "InvalidParameterValue",
        "Value for parameter TaskHandle is invalid.",
      ),
  },
];
