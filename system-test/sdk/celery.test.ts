/** Celery of today, which polls with an HTTP client of its own that signs for itself, over its SQS transport. */
import { expect, test } from "vitest";
import { until } from "../harness/condition.ts";
import { clientEnv, startProgram, startSigningCluster } from "./errand.ts";
import { pythonWith } from "./python.ts";
import { folderOf } from "./tool-chain.ts";

const TASKS = 500;

test("Celery works off 500 tasks while the leader is killed", { timeout: 400_000 }, async ({
  skip,
}) => {
  const python = await pythonWith("celery", ["celery[sqs]==5.7.0"]);
  if (!python.ok) return skip(python.why);
  const cluster = await startSigningCluster();
  const leader = await cluster.leader();
  const env = {
    ...clientEnv(cluster.url(cluster.otherThan(leader))),
    PYTHONDONTWRITEBYTECODE: "1",
  };
  const cwd = folderOf("python");
  const worker = startProgram(
    [
      ...python.command,
      ...["-m", "celery", "-A", "celery_app", "worker"],
      ...["--pool", "solo", "--without-gossip", "--without-mingle", "--without-heartbeat"],
      ...["--loglevel", "warning"],
    ],
    { cwd, env },
  );
  const send = async (from: number, to: number): Promise<void> => {
    const command = [...python.command, "celery_send.py", String(from), String(to)];
    const sender = startProgram(command, { cwd, env });
    expect({ code: await sender.ended(), output: sender.output }).toMatchObject({ code: 0 });
  };
  const done = (): number =>
    new Set([...worker.output.matchAll(/task (\d+)/g)].map((match) => match[1])).size;
  await send(0, TASKS / 2);
  await until(() => done() >= TASKS / 4, { what: () => `a quarter of the tasks, not ${done()}` });
  await cluster.kill(leader);
  await send(TASKS / 2, TASKS);
  await until(() => done() === TASKS, {
    what: () => `all tasks, not ${done()}`,
    timeoutMs: 60_000,
  });
});
