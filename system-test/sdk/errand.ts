/**
 * The errand that a client of every language runs (its rules stand in each program's own words): make a queue
 * with attributes and tags, send messages one by one and in batches with every kind of attribute, say "half"
 * half-way, receive and delete every one of them, meet the errors that programs compare, delete the queue.
 * The cluster checks signatures; where asked, its leader is killed at "half".
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFailed, onTestFinished } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { startCluster } from "../harness/fixture.ts";
import { ClientProgram } from "./client-program.ts";

/** What AWS's documentation signs its examples with. */
export const CREDENTIALS: { readonly accessKeyId: string; readonly secretAccessKey: string } = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};

/** Three nodes that take requests of `CREDENTIALS` alone. */
export async function startSigningCluster(): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), "kqueuey-keys-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "keys.yaml");
  writeFileSync(file, `${CREDENTIALS.accessKeyId}: ${CREDENTIALS.secretAccessKey}\n`);
  return startCluster({ flags: ["--auth", "keys", "--access-keys-file", file] });
}

/** The environment in which every SDK finds the credentials, and nothing of this machine's own. */
export function clientEnv(endpoint: string): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    AWS_REGION: "eu-west-1",
    AWS_DEFAULT_REGION: "eu-west-1",
    AWS_CONFIG_FILE: "none",
    AWS_SHARED_CREDENTIALS_FILE: "none",
    AWS_EC2_METADATA_DISABLED: "true",
    KQUEUEY_TEST_ENDPOINT: endpoint,
  };
}

/** Starts a client program that ends with the test. */
export function startProgram(
  command: readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): ClientProgram {
  const program = new ClientProgram(command, options);
  onTestFailed(() => console.log(program.output));
  onTestFinished(() => program.kill());
  return program;
}

/** Runs the errand of `command` on a fresh cluster. */
export async function runErrand(
  command: readonly string[],
  options: { readonly cwd: string; readonly killLeader: boolean },
): Promise<void> {
  const cluster = await startSigningCluster();
  const leader = await cluster.leader();
  const env = clientEnv(cluster.url(cluster.otherThan(leader)));
  const program = startProgram(command, { cwd: options.cwd, env });
  await program.said("half");
  if (options.killLeader) await cluster.kill(leader);
  expect({ code: await program.ended(), output: program.output }).toMatchObject({ code: 0 });
}
