/** Creating a queue, as the edge of a real node does it: three steps, each of which may be made again. */
import type { QueueAttributes, QueueId } from "@kqueuey/queue";
import { confirmStep, createStep, type NewQueue, reserveStep } from "./commands.ts";
import type { QueuePlan } from "./plan.ts";
import type { Client, Stage } from "./stage.ts";

/** Undefined: the client can't say whether the queue is there; somebody else will finish or not. */
export function createQueue(
  stage: Stage,
  client: Client,
  queue: NewQueue,
  done: (id: QueueId | undefined) => void,
): void {
  stage.ask(client, reserveStep(queue, client.ids.next()), ({ reply }) => {
    if (reply?.kind !== "outcome" || reply.outcome.kind !== "reserved") {
      done(undefined);
      return;
    }
    const { queueId: id, placement } = reply.outcome;
    stage.ask(client, createStep({ ...queue, id, placement }, client.ids.next()), (created) => {
      if (created.answer.kind !== "done") {
        done(undefined);
        return;
      }
      stage.ask(client, confirmStep({ ...queue, id }, client.ids.next()), (confirmed) => {
        done(confirmed.answer.kind === "done" ? id : undefined);
      });
    });
  });
}

/** What a queue of the kind is made with. */
export function kindOf({
  fifo,
  fair,
}: Pick<QueuePlan, "fifo" | "fair">): Pick<QueueAttributes, "fifo" | "fairness"> {
  const fairness = fair?.fairness;
  if (fifo === undefined) return { fifo: undefined, fairness };
  const { deduplicationScope } = fifo;
  return { fifo: { deduplicationScope, contentBasedDeduplication: false }, fairness };
}
