/** A call that an SDK tries again is one call, also when the leader that answered first is dead by then. */
import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { until } from "../harness/condition.ts";
import { startCluster } from "../harness/fixture.ts";
import { ask, type RawReply } from "./raw-request.ts";

/** Tries until the answer is no refusal that asks for another try, as an SDK does. */
async function persist(call: () => Promise<RawReply>): Promise<RawReply> {
  return await until(
    async () => {
      const reply = await call();
      return reply.status === 503 ? undefined : reply;
    },
    { what: "an answer of the next leader" },
  );
}

describe("a retried call", () => {
  test("is answered with the first one's result by the next leader", async () => {
    const cluster = await startCluster();
    const old = await cluster.leader();
    const entry = cluster.otherThan(old);
    await ask(cluster.url(entry), "CreateQueue", { QueueName: "q" });
    const send = (node: number, id: string, body: string): Promise<RawReply> => {
      const headers = { "amz-sdk-invocation-id": id };
      return ask(cluster.url(node), "SendMessage", { QueueUrl: "q", MessageBody: body }, headers);
    };
    const receive = (node: number, id: string): Promise<RawReply> => {
      const input = { QueueUrl: "q", MaxNumberOfMessages: 2, VisibilityTimeout: 600 };
      return ask(cluster.url(node), "ReceiveMessage", input, { "amz-sdk-invocation-id": id });
    };
    const [sendId, receiveId] = [randomUUID(), randomUUID()];
    const sent = await send(old, sendId, "a");
    for (const body of ["b", "c"]) await send(entry, randomUUID(), body);
    const received = await receive(old, receiveId);
    expect(received.output["Messages"]).toMatchObject([{ Body: "a" }, { Body: "b" }]);

    await cluster.kill(old);
    const sentAgain = await persist(() => send(entry, sendId, "a"));
    expect(sentAgain.output).toEqual(sent.output);
    const receivedAgain = await persist(() => receive(entry, receiveId));
    expect(receivedAgain.output).toEqual(received.output);

    const rest = await persist(() => receive(entry, randomUUID()));
    expect(rest.output["Messages"]).toMatchObject([{ Body: "c" }]);
    const names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
    const counts = await ask(cluster.url(entry), "GetQueueAttributes", {
      QueueUrl: "q",
      AttributeNames: names,
    });
    expect(counts.output["Attributes"]).toEqual({
      ApproximateNumberOfMessages: "0",
      ApproximateNumberOfMessagesNotVisible: "3",
    });
  });
});
