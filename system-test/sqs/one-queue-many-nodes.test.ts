/** What is decided about a queue is decided once, whichever node is asked, and by the next leader too. */
import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { until } from "../harness/condition.ts";
import { startCluster } from "../harness/fixture.ts";
import { ask, type RawReply } from "./raw-request.ts";

const NODES = [1, 2, 3];
const TOO_SOON = "AWS.SimpleQueueService.PurgeQueueInProgress";

function codeOf({ headers }: RawReply): string {
  return (headers.get("x-amzn-query-error") ?? "").split(";")[0] ?? "";
}

describe("a queue that is changed over every node", () => {
  test("is purged once in 60 seconds, and a call that is tried again elsewhere is the same call", async () => {
    const cluster = await startCluster();
    const old = await cluster.leader();
    const entry = cluster.otherThan(old);
    await ask(cluster.url(old), "CreateQueue", { QueueName: "q" });
    const id = { "amz-sdk-invocation-id": randomUUID() };
    for (const node of NODES) {
      const reply = await ask(cluster.url(node), "PurgeQueue", { QueueUrl: "q" }, id);
      expect(reply.status).toBe(200);
    }
    for (const node of NODES) {
      const reply = await ask(cluster.url(node), "PurgeQueue", { QueueUrl: "q" });
      expect(codeOf(reply)).toBe(TOO_SOON);
    }
    await cluster.kill(old);
    const next = await until(
      async () => {
        const reply = await ask(cluster.url(entry), "PurgeQueue", { QueueUrl: "q" });
        return reply.status === 503 ? undefined : reply;
      },
      { what: "an answer of the next leader" },
    );
    expect(codeOf(next)).toBe(TOO_SOON);
  });

  test("has every permission that was given, though all were given at the same time", async () => {
    const cluster = await startCluster();
    await cluster.leader();
    await ask(cluster.url(1), "CreateQueue", { QueueName: "q" });
    const labels = Array.from({ length: 20 }, (_, at) => `label-${at}`);
    const replies = await Promise.all(
      labels.map((label, at) =>
        ask(cluster.url(NODES[at % 3] ?? 1), "AddPermission", {
          QueueUrl: "q",
          Label: label,
          AWSAccountIds: ["111111111111"],
          Actions: ["SendMessage"],
        }),
      ),
    );
    expect(replies.map(({ status }) => status)).toEqual(labels.map(() => 200));
    const input = { QueueUrl: "q", AttributeNames: ["Policy"] };
    const { output } = await ask(cluster.url(2), "GetQueueAttributes", input);
    const text = String(Object(output["Attributes"]).Policy);
    for (const label of labels) expect(text).toContain(`"Sid":"${label}"`);
  });
});
