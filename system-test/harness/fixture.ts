/** Clusters for tests: the running test ends what it started, and shows the logs if it failed. */
import { onTestFailed, onTestFinished } from "vitest";
import { type Cluster, type ClusterOptions, layOut } from "./cluster.ts";

/** Starts a cluster and waits for its leader. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = await layCluster(options);
  cluster.startAll();
  await cluster.leader();
  return cluster;
}

/** A cluster with nothing running yet. */
export async function layCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = await layOut(options);
  onTestFailed(() => console.log(cluster.logs()));
  onTestFinished(() => cluster.stop());
  return cluster;
}
