/**
 * From the Query protocol's parameters to the members that actions read, and from an answer's members to
 * XML. Both protocols carry the same members; this table says what the lists and maps among them are called
 * here, where they are flattened: "AttributeName.1=All", `<Attribute><Name>…</Name><Value>…</Value></Attribute>`.
 */
import { SqsError } from "./errors.ts";
import { isMembers, type Members } from "./input.ts";
import type { ParameterNode } from "./query-parameters.ts";
import { element, escapeText } from "./xml.ts";

/** How a list or a map is written. */
type Flattened =
  | { readonly kind: "list"; readonly name: string; readonly of: "text" | "structure" }
  | {
      readonly kind: "map";
      readonly name: string;
      readonly key: "Name" | "Key";
      readonly of: "text" | "structure";
    };

function texts(name: string): Flattened {
  return { kind: "list", name, of: "text" };
}

function map(name: string, key: "Name" | "Key", of: "text" | "structure"): Flattened {
  return { kind: "map", name, key, of };
}

/** Members of requests by name, wherever they stand. */
const REQUEST_MEMBERS: Readonly<Record<string, Flattened>> = {
  AWSAccountIds: texts("AWSAccountId"),
  Actions: texts("ActionName"),
  AttributeNames: texts("AttributeName"),
  Attributes: map("Attribute", "Name", "text"),
  BinaryListValues: texts("BinaryListValue"),
  MessageAttributeNames: texts("MessageAttributeName"),
  MessageAttributes: map("MessageAttribute", "Name", "structure"),
  MessageSystemAttributeNames: texts("MessageSystemAttributeName"),
  MessageSystemAttributes: map("MessageSystemAttribute", "Name", "structure"),
  StringListValues: texts("StringListValue"),
  TagKeys: texts("TagKey"),
  Tags: map("Tag", "Key", "text"),
  tags: map("Tag", "Key", "text"),
};

/** Members of answers by name. */
const ANSWER_MEMBERS: Readonly<Record<string, Flattened>> = {
  Attributes: map("Attribute", "Name", "text"),
  Failed: { kind: "list", name: "BatchResultErrorEntry", of: "structure" },
  MessageAttributes: map("MessageAttribute", "Name", "structure"),
  Messages: { kind: "list", name: "Message", of: "structure" },
  QueueUrls: texts("QueueUrl"),
  Results: { kind: "list", name: "ListMessageMoveTasksResultEntry", of: "structure" },
  Tags: map("Tag", "Key", "text"),
  queueUrls: texts("QueueUrl"),
};

function entriesOf(action: string, suffix: string): Flattened {
  return { kind: "list", name: `${action}${suffix}`, of: "structure" };
}

/** The members of a request for `action`. */
export function readMembers(action: string, root: ParameterNode): Members {
  const table: [string, Flattened][] = Object.entries(REQUEST_MEMBERS);
  if (action.endsWith("Batch")) table.push(["Entries", entriesOf(action, "RequestEntry")]);
  return readStructure(root, table);
}

/** The elements of an answer's members, in their order. */
export function writeMembers(action: string, output: Members): string {
  const table = new Map(Object.entries(ANSWER_MEMBERS));
  table.set("Successful", entriesOf(action, "ResultEntry"));
  return writeStructure(output, table);
}

type Table = readonly (readonly [string, Flattened])[];

function readStructure(node: ParameterNode, table: Table): Members {
  const members: [string, unknown][] = [];
  for (const [name, { value }] of node.children) {
    if (value !== undefined) members.push([name, value]);
  }
  // Later ones go before: a list is never left as the text that an empty list is sent as.
  for (const [member, flattened] of table) {
    const list = node.children.get(flattened.name);
    const unflattened = node.children.get(member);
    const given = list ?? unflattened;
    if (given === undefined) continue;
    members.push([
      member,
      flattened.kind === "list"
        ? readList(given, flattened, table)
        : readMap(given, flattened, table),
    ]);
  }
  return Object.fromEntries(members);
}

function readList(node: ParameterNode, list: Flattened, table: Table): readonly unknown[] {
  return itemsOf(node, list).map((item) =>
    list.of === "text" ? (item.value ?? "") : readStructure(item, table),
  );
}

function readMap(
  node: ParameterNode,
  map: Flattened & { readonly kind: "map" },
  table: Table,
): Members {
  const entries = new Map<string, unknown>();
  for (const item of itemsOf(node, map)) {
    const key = (item.children.get(map.key) ?? item.children.get("key"))?.value;
    const value = item.children.get("Value") ?? item.children.get("value");
    if (key === undefined) {
      throw new SqsError(
        "MissingParameter",
        `The request must contain the parameter ${map.name}.${map.key}.`,
      );
    }
    if (entries.has(key)) {
      throw new SqsError("InvalidParameterValue", `${map.name} has the same ${map.key} twice.`);
    }
    if (map.of === "text") entries.set(key, value?.value ?? "");
    else entries.set(key, value === undefined ? {} : readStructure(value, table));
  }
  return Object.fromEntries(entries);
}

/**
 * The items under a list's name by their numbers. Old clients leave the number out when there is one item
 * ("AttributeName=All", "Attribute.Name=…"); some write a step more ("Attributes.entry.1", "TagKeys.member.1").
 */
function itemsOf(node: ParameterNode, flattened: Flattened): readonly ParameterNode[] {
  const wrapped = node.children.get("member") ?? node.children.get("entry");
  if (wrapped !== undefined) return itemsOf(wrapped, flattened);
  const numbered: [number, ParameterNode][] = [];
  for (const [step, child] of node.children) {
    if (/^\d{1,9}$/.test(step)) numbered.push([Number(step), child]);
  }
  if (numbered.length > 0) {
    return numbered.sort(([a], [b]) => a - b).map(([, child]) => child);
  }
  const isSingle = flattened.of === "text" && flattened.kind === "list";
  if (isSingle) return node.value === undefined || node.value === "" ? [] : [node];
  return node.children.size > 0 ? [node] : [];
}

function writeStructure(members: Members, table: ReadonlyMap<string, Flattened>): string {
  let xml = "";
  for (const [name, value] of Object.entries(members)) {
    const flattened = table.get(name);
    if (value === undefined) continue;
    if (flattened === undefined) xml += writeItem(name, value, table);
    else xml += writeFlattened(flattened, value, table);
  }
  return xml;
}

function writeFlattened(
  flattened: Flattened,
  value: unknown,
  table: ReadonlyMap<string, Flattened>,
): string {
  let xml = "";
  if (Array.isArray(value)) {
    for (const item of value) xml += writeItem(flattened.name, item, table);
  } else if (flattened.kind === "map" && isMembers(value)) {
    for (const [key, item] of Object.entries(value)) {
      const inside = element(flattened.key, escapeText(key)) + writeItem("Value", item, table);
      xml += element(flattened.name, inside);
    }
  }
  return xml;
}

function writeItem(name: string, value: unknown, table: ReadonlyMap<string, Flattened>): string {
  return element(name, isMembers(value) ? writeStructure(value, table) : escapeText(String(value)));
}
