/** What SQS's two protocols have in common: a request becomes an action's name and members, members an answer. */
import type { PlainRequest, PlainResponse, RequestHead } from "../../exchange.ts";
import type { SqsError } from "./errors.ts";
import type { Members } from "./input.ts";

/** A request, read as far as its protocol goes. */
export interface ProtocolRequest {
  readonly action: string;
  /** The members, read when the action is known to be one. Throws `SqsError`. */
  members(): Members;
}

/** What an answer needs besides its members. */
export interface AnswerTo {
  readonly action: string;
  readonly requestId: string;
  readonly head: RequestHead;
}

export interface Protocol {
  readonly name: "json" | "query";
  /** Throws `SqsError` when the request names no action. */
  read(request: PlainRequest): ProtocolRequest;
  /** `output`: undefined for an action without output. */
  writeAnswer(to: AnswerTo, output: Members | undefined): PlainResponse;
  writeError(error: SqsError, requestId: string, head: RequestHead): PlainResponse;
}
