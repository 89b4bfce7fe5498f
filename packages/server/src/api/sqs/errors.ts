/**
 * The errors of SQS, as its published model has them: the shape that the JSON protocol names, the HTTP
 * status, and the code of the older Query protocol that clients still compare.
 */

interface SqsErrorSpec {
  /** Before "#" in `__type`. */
  readonly namespace: "com.amazonaws.sqs" | "com.amazon.coral.service";
  readonly shape: string;
  readonly status: number;
  /** The Query protocol's code: in the `x-amzn-query-error` header and in batch results. */
  readonly code: string;
}

const MODELLED = "com.amazonaws.sqs";
const GENERIC = "com.amazon.coral.service";

function modelled(shape: string, code: string, status = 400): SqsErrorSpec {
  return { namespace: MODELLED, shape, status, code };
}

/** The modelled shapes of queues and batches have this before their name in the Query protocol. */
function simple(shape: string, status = 400): SqsErrorSpec {
  return modelled(shape, `AWS.SimpleQueueService.${shape}`, status);
}

function generic(shape: string, code: string, status = 400): SqsErrorSpec {
  return { namespace: GENERIC, shape, status, code };
}

/** The name of an error in the code. */
export type SqsErrorName =
  | "QueueDoesNotExist"
  | "QueueNameExists"
  | "QueueDeletedRecently"
  | "PurgeQueueInProgress"
  | "ReceiptHandleIsInvalid"
  | "InvalidMessageContents"
  | "InvalidAttributeName"
  | "InvalidAttributeValue"
  | "EmptyBatchRequest"
  | "TooManyEntriesInBatchRequest"
  | "BatchEntryIdsNotDistinct"
  | "InvalidBatchEntryId"
  | "BatchRequestTooLong"
  | "OverLimit"
  | "UnsupportedOperation"
  | "RequestThrottled"
  | "InvalidAddress"
  | "ResourceNotFound"
  | "InvalidParameterValue"
  | "MissingParameter"
  | "UnknownOperation"
  | "NoAction"
  | "MalformedInput"
  | "RequestTooLarge"
  | "AccessDenied"
  | "IncompleteSignature"
  | "InvalidClientTokenId"
  | "SignatureDoesNotMatch"
  | "InternalFailure"
  | "ServiceUnavailable";

/** Every error that this server gives, by the name used in the code. */
export const SQS_ERRORS: Readonly<Record<SqsErrorName, SqsErrorSpec>> = {
  QueueDoesNotExist: modelled("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"),
  QueueNameExists: modelled("QueueNameExists", "QueueAlreadyExists"),
  QueueDeletedRecently: simple("QueueDeletedRecently"),
  PurgeQueueInProgress: simple("PurgeQueueInProgress", 403),
  ReceiptHandleIsInvalid: modelled("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404),
  InvalidMessageContents: modelled("InvalidMessageContents", "InvalidMessageContents"),
  InvalidAttributeName: modelled("InvalidAttributeName", "InvalidAttributeName"),
  InvalidAttributeValue: modelled("InvalidAttributeValue", "InvalidAttributeValue"),
  EmptyBatchRequest: simple("EmptyBatchRequest"),
  TooManyEntriesInBatchRequest: simple("TooManyEntriesInBatchRequest"),
  BatchEntryIdsNotDistinct: simple("BatchEntryIdsNotDistinct"),
  InvalidBatchEntryId: simple("InvalidBatchEntryId"),
  BatchRequestTooLong: simple("BatchRequestTooLong"),
  OverLimit: modelled("OverLimit", "OverLimit", 403),
  UnsupportedOperation: simple("UnsupportedOperation"),
  RequestThrottled: modelled("RequestThrottled", "RequestThrottled", 403),
  InvalidAddress: modelled("InvalidAddress", "InvalidAddress", 404),
  ResourceNotFound: modelled("ResourceNotFoundException", "ResourceNotFoundException", 404),
  InvalidParameterValue: generic("InvalidParameterValueException", "InvalidParameterValue"),
  MissingParameter: generic("MissingRequiredParameterException", "MissingParameter"),
  UnknownOperation: generic("UnknownOperationException", "InvalidAction"),
  NoAction: generic("UnknownOperationException", "InvalidAction", 404),
  MalformedInput: generic("SerializationException", "MalformedInput"),
  RequestTooLarge: generic("RequestEntityTooLargeException", "RequestEntityTooLarge", 413),
  AccessDenied: generic("AccessDeniedException", "AccessDenied", 403),
  IncompleteSignature: generic("IncompleteSignatureException", "IncompleteSignature"),
  InvalidClientTokenId: generic("UnrecognizedClientException", "InvalidClientTokenId", 403),
  SignatureDoesNotMatch: generic("InvalidSignatureException", "SignatureDoesNotMatch", 403),
  InternalFailure: generic("InternalFailure", "InternalError", 500),
  ServiceUnavailable: generic("ServiceUnavailableException", "ServiceUnavailable", 503),
};

/** A request, or an entry of a batch, that is answered with an error. Thrown inside this API alone. */
export class SqsError extends Error {
  override readonly name: string = "SqsError";
  readonly kind: SqsErrorName;

  constructor(kind: SqsErrorName, message: string) {
    super(message);
    this.kind = kind;
  }

  get status(): number {
    return SQS_ERRORS[this.kind].status;
  }

  get code(): string {
    return SQS_ERRORS[this.kind].code;
  }

  /** `__type` of the JSON protocol. */
  get type(): string {
    const { namespace, shape } = SQS_ERRORS[this.kind];
    return `${namespace}#${shape}`;
  }

  /** The message as the Query protocol has it: one text differs. */
  get queryMessage(): string {
    return this.kind === "QueueDoesNotExist"
      ? "The specified queue does not exist for this wsdl version."
      : this.message;
  }

  /** Whether it is the client's request that is wrong; else a retry may help. */
  get senderFault(): boolean {
    return this.status < 500 && this.kind !== "RequestThrottled";
  }
}

/** What a client sent is repeated to it, but not by the mebibyte. */
const ECHO_CHARACTERS_MAX = 1_024;

/** `text` for use in an error message. */
export function echo(text: string): string {
  return text.length <= ECHO_CHARACTERS_MAX ? text : `${text.slice(0, ECHO_CHARACTERS_MAX)}…`;
}

/** "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: …" */
export function invalidParameter(name: string, value: string | number, reason: string): SqsError {
  const text = `Value ${echo(String(value))} for parameter ${name} is invalid. Reason: ${reason}`;
  return new SqsError("InvalidParameterValue", text);
}

export function missingParameter(name: string): SqsError {
  return new SqsError("MissingParameter", `The request must contain the parameter ${name}.`);
}

export function unknownAttribute(name: string): SqsError {
  return new SqsError("InvalidAttributeName", `Unknown Attribute ${echo(name)}.`);
}

export function invalidAttributeValue(name: string): SqsError {
  return new SqsError("InvalidAttributeValue", `Invalid value for the parameter ${name}.`);
}

export function queueDoesNotExist(): SqsError {
  return new SqsError("QueueDoesNotExist", "The specified queue does not exist.");
}

export function receiptHandleIsInvalid(handle: string): SqsError {
  const text = `The input receipt handle "${echo(handle)}" is not a valid receipt handle.`;
  return new SqsError("ReceiptHandleIsInvalid", text);
}
