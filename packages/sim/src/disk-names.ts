/**
 * The names of the simulated disk. A name that was made, changed or removed survives a loss of power
 * only if its folder was synced since; of the others, those of one folder survive up to some point in
 * their order (file systems journal names in order), and a rename happens as a whole.
 */
import { assert, type Prng } from "@kqueuey/base";
import type { SimulatedFile } from "./disk-file.ts";

export class SimulatedFolder {
  readonly kind = "directory";
  readonly current: Map<string, SimulatedFile | SimulatedFolder> = new Map();
  readonly durable: Map<string, SimulatedFile | SimulatedFolder> = new Map();
}

export type SimulatedNode = SimulatedFile | SimulatedFolder;

/** A name set to a node, or removed. */
interface NameChange {
  readonly folder: SimulatedFolder;
  readonly name: string;
  readonly node: SimulatedNode | undefined;
}

/** The tree of names, as seen and as durable. */
export class SimulatedNames {
  root: SimulatedFolder = new SimulatedFolder();
  /** Changes that are seen and not durable, oldest first; each happens as a whole. */
  #pending: (readonly NameChange[])[] = [];

  find(path: string): SimulatedNode | undefined {
    let node: SimulatedNode | undefined = this.root;
    if (path === "") return node;
    for (const part of path.split("/")) {
      if (node?.kind !== "directory") return undefined;
      node = node.current.get(part);
    }
    return node;
  }

  folder(path: string): SimulatedFolder | undefined {
    const node = this.find(path);
    return node?.kind === "directory" ? node : undefined;
  }

  file(path: string): SimulatedFile | undefined {
    const node = this.find(path);
    return node?.kind === "file" ? node : undefined;
  }

  /** Gives `node` the name; its folder must exist. */
  link(path: string, node: SimulatedNode): void {
    this.#change([{ ...this.#place(path), node }]);
  }

  /** Takes the name away, and before it every name below it. */
  unlink(path: string): void {
    const node = this.find(path);
    if (node?.kind === "directory") {
      for (const name of [...node.current.keys()]) this.unlink(`${path}/${name}`);
    }
    this.#change([{ ...this.#place(path), node: undefined }]);
  }

  rename(from: string, to: string): void {
    const node = this.find(from);
    assert(node !== undefined, "rename of nothing");
    const removed = { ...this.#place(from), node: undefined };
    this.#change([removed, { ...this.#place(to), node }]);
  }

  /** Makes the folder's names durable, and with them what happened before in folders they share a rename with. */
  sync(folder: SimulatedFolder): void {
    const folders = new Set([folder]);
    const synced = new Set<readonly NameChange[]>();
    for (const changes of this.#pending.toReversed()) {
      if (!changes.some((change) => folders.has(change.folder))) continue;
      synced.add(changes);
      for (const change of changes) folders.add(change.folder);
    }
    for (const changes of this.#pending) if (synced.has(changes)) applyDurably(changes);
    this.#pending = this.#pending.filter((changes) => !synced.has(changes));
  }

  /** The power goes off: names and files fall back to what is durable, or a little further. */
  losePower(random: Prng): void {
    const stopped = new Set<SimulatedFolder>();
    const mode = random.pick(["none", "all", "some"]);
    for (const changes of this.#pending) {
      const blocked = changes.some((change) => stopped.has(change.folder));
      const kept = mode === "all" || (mode === "some" && random.chance(1, 2));
      if (!blocked && kept) applyDurably(changes);
      else for (const change of changes) stopped.add(change.folder);
    }
    this.#pending = [];
    fallBack(this.root, random);
  }

  /** Every path with its node, folders before what is in them, sorted. */
  *walk(path = ""): Generator<readonly [string, SimulatedNode]> {
    const folder = this.folder(path);
    if (folder === undefined) return;
    for (const name of [...folder.current.keys()].sort()) {
      const inner = path === "" ? name : `${path}/${name}`;
      const node = folder.current.get(name);
      if (node !== undefined) yield [inner, node];
      yield* this.walk(inner);
    }
  }

  /** Everything that is seen now, as a tree of its own, durable. */
  copy(): SimulatedFolder {
    return copyFolder(this.root);
  }

  /** Puts a copied tree in the place of everything. */
  replace(root: SimulatedFolder): void {
    this.root = copyFolder(root);
    this.#pending = [];
  }

  #place(path: string): { folder: SimulatedFolder; name: string } {
    const slash = path.lastIndexOf("/");
    const folder = this.folder(slash < 0 ? "" : path.slice(0, slash));
    assert(folder !== undefined, "a name needs a folder");
    return { folder, name: path.slice(slash + 1) };
  }

  #change(changes: readonly NameChange[]): void {
    for (const { folder, name, node } of changes) {
      if (node === undefined) folder.current.delete(name);
      else folder.current.set(name, node);
    }
    this.#pending.push(changes);
  }
}

function applyDurably(changes: readonly NameChange[]): void {
  for (const { folder, name, node } of changes) {
    if (node === undefined) folder.durable.delete(name);
    else folder.durable.set(name, node);
  }
}

function fallBack(folder: SimulatedFolder, random: Prng): void {
  folder.current.clear();
  for (const name of [...folder.durable.keys()].sort()) {
    const node = folder.durable.get(name);
    if (node === undefined) continue;
    folder.current.set(name, node);
    if (node.kind === "file") node.losePower(random);
    else fallBack(node, random);
  }
}

function copyFolder(folder: SimulatedFolder): SimulatedFolder {
  const copy = new SimulatedFolder();
  for (const [name, node] of folder.current) {
    const copied = node.kind === "file" ? node.copy() : copyFolder(node);
    copy.current.set(name, copied);
    copy.durable.set(name, copied);
  }
  return copy;
}
