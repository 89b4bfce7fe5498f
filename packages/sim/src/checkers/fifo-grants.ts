/** What receives from FIFO queues were told, each message with what the account has of it in that queue. */
import type { Grant, Message } from "../auditor/account.ts";
import type { Auditor } from "../auditor/auditor.ts";
import type { GrantedMessage } from "../history/event.ts";
import type { History } from "../history/history.ts";

/** A message as it was handed out. */
export interface ToldGrant {
  readonly told: GrantedMessage;
  readonly grantedAt: number;
  readonly message: Message;
  /** The account's, if it is of that message. */
  readonly grant: Grant | undefined;
}

/** The messages of an answer, in its order; not of answers to retries, which do not tell when the grant was made. */
export interface FifoAnswer {
  readonly call: number;
  readonly grants: readonly ToldGrant[];
}

export function fifoAnswersOf(auditor: Auditor, history: History): FifoAnswer[] {
  const stored = messagesByName(auditor);
  const answers: FifoAnswer[] = [];
  for (const { invoked, answered } of history.calls()) {
    const { operation } = invoked;
    if (operation.kind !== "receive" || answered?.answer.kind !== "granted") continue;
    const queue = auditor.queuesByName.get(operation.queue);
    if (queue?.fifo === undefined) continue;
    const grants: ToldGrant[] = [];
    for (const told of answered.answer.messages) {
      const { grantedAt } = told;
      if (grantedAt === undefined) continue;
      // One that was moved away and back was in the queue more than once.
      const message = stored
        .get(nameOf(operation.queue, told))
        ?.findLast(({ cameAtMs }) => cameAtMs <= grantedAt);
      if (message === undefined) continue;
      const grant = queue.grants[told.token - 1];
      const isSame = grant?.message === message;
      grants.push({ told, grantedAt, message, grant: isSame ? grant : undefined });
    }
    if (grants.length > 0) answers.push({ call: invoked.call, grants });
  }
  return answers;
}

function messagesByName(auditor: Auditor): Map<string, Message[]> {
  const stored = new Map<string, Message[]>();
  for (const message of auditor.rules.messages) {
    if (message.queue.fifo === undefined) continue;
    const name = nameOf(message.queue.name, { messageId: message.id });
    const known = stored.get(name);
    if (known === undefined) stored.set(name, [message]);
    else known.push(message);
  }
  return stored;
}

function nameOf(queue: string, { messageId }: Pick<GrantedMessage, "messageId">): string {
  return `${queue} ${messageId}`;
}

/** Names the group of a message among all queues. */
export function groupNameOf({ queue, group }: Message): string {
  return `${queue.id} ${group}`;
}
