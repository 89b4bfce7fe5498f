import type { SqsAction, SqsCall } from "./call.ts";
import { cutPage, readPage } from "./paging.ts";
import { findQueue } from "./queue-attributes.ts";
import { queueNameOf, queueUrl } from "./queue-url.ts";

/** Queues listed at once, and described at once. */
const NAMES_AT_ONCE = 100;

/**
 * ListDeadLetterSourceQueues: the queues whose RedrivePolicy names this one. Each queue is asked, because
 * nothing but its own attributes says where its dead letters go.
 */
export const listDeadLetterSourceQueues: SqsAction = async (call, input) => {
  const target = queueNameOf(input);
  const page = readPage(input);
  await call.broker.describeQueue(call.context, target);
  const { limit, after } = page;
  const found = await sourcesOf(call, target, { after, limit: limit + 1 });
  const { names, token } = cutPage(found, page);
  return {
    output: {
      ...(names.length === 0 ? {} : { queueUrls: names.map((name) => queueUrl(call, name)) }),
      ...token,
    },
  };
};

/** Names of the sources of `target` in byte order, at most `limit`. */
export async function sourcesOf(
  call: SqsCall,
  target: string,
  options: { readonly after: string; readonly limit: number },
): Promise<readonly string[]> {
  const sources: string[] = [];
  let { after } = options;
  for (;;) {
    const listing = { prefix: "", after, limit: NAMES_AT_ONCE };
    const names = await call.broker.listQueues(call.context, listing);
    const queues = await Promise.all(names.map((name) => findQueue(call, name)));
    for (const queue of queues) {
      if (queue?.attributes.deadLetter?.queue !== target) continue;
      sources.push(queue.name);
      if (sources.length === options.limit) return sources;
    }
    const last = names.at(-1);
    if (names.length < NAMES_AT_ONCE || last === undefined) return sources;
    after = last;
  }
}
