/** What `kqueuey dev` prints when the cluster serves: where it is, who leads, a first message to copy. */

import { DEFAULT_ENDPOINTS } from "../values.ts";
import type { DevPlan } from "./plan.ts";
import { DEV_HOST } from "./plan.ts";

/** The text; `dataDir` as the user gave it. */
export function welcomeText(
  plan: DevPlan,
  facts: { readonly leader: number | undefined; readonly dataDir: string },
): string {
  const { leader, dataDir } = facts;
  const urls = plan.nodes.map((node) => node.clientUrl);
  const [url = ""] = urls;
  const endpoints = `${DEV_HOST}:${plan.nodes.map((node) => node.clientPort).join(",")}`;
  const flag = endpoints === DEFAULT_ENDPOINTS ? "" : ` --endpoint ${endpoints}`;
  const nodes = plan.nodes.map(
    (node) => `  node ${node.id}  ${node.clientUrl}${node.id === leader ? "  leads" : ""}`,
  );
  const call = `curl -s ${url}/kqueuey.v1.QueueService`;
  const json = "-H 'content-type: application/json' -d";
  return `
KQueuey is running: cluster "${plan.clusterId}", ${plan.nodes.length} nodes, ${
    leader === undefined ? "no leader yet" : `node ${leader} leads`
  }.

${nodes.join("\n")}

A first message, with curl:

  ${call}/CreateQueue ${json} '{"queue":"hello"}'
  ${call}/Send ${json} '{"queue":"hello","messages":[{"text":"hi"}]}'
  ${call}/Receive ${json} '{"queue":"hello"}'

with the command line:

  npx kqueuey queue create hello${flag}
  npx kqueuey send hello "hi"${flag}
  npx kqueuey poll hello --ack${flag}

with the AWS SDK (npm install @aws-sdk/client-sqs):

  import { CreateQueueCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
  const credentials = { accessKeyId: "any", secretAccessKey: "any" };
  const sqs = new SQSClient({ endpoint: "${url}", region: "us-east-1", credentials });
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "hello" }));
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "hi" }));

Data and logs are in ${dataDir}. Ctrl-C stops all nodes; the data stays (--fresh begins empty).
`;
}
