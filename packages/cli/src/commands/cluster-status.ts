/** `kqueuey cluster status` */
import type { ClusterStatus } from "@kqueuey/client";
import type { Command } from "commander";
import { addClusterOptions, type ClusterOptions, print, withClient } from "../cluster-command.ts";
import type { CliContext } from "../context.ts";
import { formatCount, renderTable } from "../render/table.ts";

export function addClusterStatus(parent: Command, context: CliContext): void {
  const command = parent
    .command("status")
    .summary("show who is there and who leads")
    .description(
      "Shows the cluster's nodes, who leads and how far each is. A table on a terminal; JSON with " +
        "--json, and wherever the output is no terminal.",
    );
  addClusterOptions(command, [
    "kqueuey cluster status",
    "kqueuey cluster status --json | jq .leader",
  ]).action((options: ClusterOptions) => clusterStatus(context, options));
}

async function clusterStatus(context: CliContext, options: ClusterOptions): Promise<void> {
  const status = await withClient(context, options, (client) =>
    client.clusterStatus({ signal: context.signal }),
  );
  const json = options.json === true || !context.outIsTerminal;
  print(context, { json }, { json: statusToJson(status), text: renderStatus(status) });
}

function statusToJson(status: ClusterStatus): Record<string, unknown> {
  const { clusterId, leader, term, nodes } = status;
  return {
    clusterId,
    leader: leader ?? null,
    term,
    nodes: nodes.map(({ id, role, clientUrl, peerAddress, appliedIndex, healthy }) => ({
      id,
      role,
      clientUrl,
      peerAddress,
      appliedIndex,
      healthy,
    })),
  };
}

function renderStatus(status: ClusterStatus): string {
  const leads = status.leader === undefined ? "nobody leads" : `node ${status.leader} leads`;
  const table = renderTable(
    [
      { title: "node", align: "right" },
      { title: "role" },
      { title: "clients" },
      { title: "peers" },
      { title: "applied", align: "right" },
      { title: "healthy" },
    ],
    status.nodes.map((node) => [
      String(node.id),
      node.role,
      node.clientUrl,
      node.peerAddress,
      formatCount(node.appliedIndex),
      node.healthy ? "yes" : "NO",
    ]),
  );
  return `cluster ${status.clusterId}, term ${status.term}, ${leads}\n\n${table}`;
}
