/**
 * The Query protocol's request: parameters of a form or a query string. Their names are paths
 * ("MessageAttribute.1.Value.DataType"); here they become a tree. Lists and maps are read from it by
 * query-members.ts.
 */
import { decodeUtf8 } from "@kqueuey/base";
import type { PlainRequest } from "../../exchange.ts";
import { SqsError } from "./errors.ts";

/** A batch of 1,000 messages with ten attributes each has some 35,000. */
const PARAMETERS_MAX = 65_536;
/** "SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringListValue.1" has seven steps. */
const STEPS_MAX = 10;

/** A step of the names: its own value, where one was given, and the steps after it. */
export interface ParameterNode {
  value: string | undefined;
  readonly children: Map<string, ParameterNode>;
}

/** The parameters of a request: those of the body go before those of the query string. */
export function readParameters(request: PlainRequest): ParameterNode {
  const root = makeNode();
  addAll(root, request.query);
  if (isForm(request)) {
    const text = decodeUtf8(request.body);
    if (text === undefined) throw malformed("The body is not UTF-8.");
    addAll(root, text);
  }
  return root;
}

/** The value of a name of one step. */
export function parameter(root: ParameterNode, name: string): string | undefined {
  return root.children.get(name)?.value;
}

/** Name and value of each parameter in a query string, decoded, in order. */
export function decodeQuery(query: string): [string, string][] {
  if (query === "") return [];
  const pairs: [string, string][] = [];
  let from = 0;
  while (from < query.length) {
    const end = query.indexOf("&", from);
    const pair = query.slice(from, end < 0 ? query.length : end);
    from = end < 0 ? query.length : end + 1;
    if (pair === "") continue;
    if (pairs.length === PARAMETERS_MAX) throw malformed("The request has too many parameters.");
    const equals = pair.indexOf("=");
    const name = equals < 0 ? pair : pair.slice(0, equals);
    pairs.push([decode(name), equals < 0 ? "" : decode(pair.slice(equals + 1))]);
  }
  return pairs;
}

function isForm(request: PlainRequest): boolean {
  return request.body.length > 0 && request.method !== "GET";
}

function addAll(root: ParameterNode, query: string): void {
  for (const [name, value] of decodeQuery(query)) add(root, name, value);
}

function add(root: ParameterNode, name: string, value: string): void {
  const steps = name.split(".", STEPS_MAX + 1);
  if (steps.length > STEPS_MAX) throw malformed("A parameter's name has too many parts.");
  let node = root;
  for (const step of steps) {
    let child = node.children.get(step);
    if (child === undefined) {
      child = makeNode();
      node.children.set(step, child);
    }
    node = child;
  }
  node.value = value;
}

function makeNode(): ParameterNode {
  return { value: undefined, children: new Map() };
}

function decode(text: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw malformed("A parameter is not percent-encoded UTF-8.");
  }
}

function malformed(message: string): SqsError {
  return new SqsError("MalformedInput", message);
}
