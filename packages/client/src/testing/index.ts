/** A cluster in this process, for tests of programs that use the client. */
export { ManualTime } from "./manual-time.ts";
export type { TestCluster, TestClusterOptions } from "./test-cluster.ts";
export { createTestCluster } from "./test-cluster.ts";
export type { TestNode, TestRequest, Verdict } from "./test-node.ts";
