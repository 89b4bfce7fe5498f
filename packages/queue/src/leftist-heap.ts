/**
 * A leftist heap over nodes that somebody else keeps: the least node at its top; putting in and taking out any
 * node takes a number of steps that is logarithmic in the nodes, in the worst case too. Its shape follows from its
 * history and is no part of any state: only its order may show.
 */
import { NO_REFERENCE } from "./page-pool.ts";

/** Where the words of nodes are. `NO_REFERENCE` is no node. */
export interface HeapNodes {
  left(node: number): number;
  setLeft(node: number, child: number): void;
  right(node: number): number;
  setRight(node: number, child: number): void;
  parent(node: number): number;
  setParent(node: number, parent: number): void;
  /** Steps to the nearest node, itself included, that has no right child. */
  rank(node: number): number;
  setRank(node: number, rank: number): void;
  /** A total order. */
  isBefore(a: number, b: number): boolean;
}

/** Puts a node in; gives the new top. */
export function insertNode(nodes: HeapNodes, top: number, node: number): number {
  nodes.setLeft(node, NO_REFERENCE);
  nodes.setRight(node, NO_REFERENCE);
  nodes.setRank(node, 1);
  const merged = merge(nodes, top, node);
  nodes.setParent(merged, NO_REFERENCE);
  return merged;
}

/** Takes a node out, without looking at what it is ordered by; gives the new top. */
export function removeNode(nodes: HeapNodes, top: number, node: number): number {
  const parent = nodes.parent(node);
  const merged = merge(nodes, nodes.left(node), nodes.right(node));
  if (merged !== NO_REFERENCE) nodes.setParent(merged, parent);
  if (parent === NO_REFERENCE) return merged;
  if (nodes.left(parent) === node) nodes.setLeft(parent, merged);
  else nodes.setRight(parent, merged);
  // Ranks grow on the way up from a node whose rank changed, so this ends soon.
  for (let at = parent; at !== NO_REFERENCE; at = nodes.parent(at)) {
    if (!settleNode(nodes, at)) break;
  }
  return top;
}

function merge(nodes: HeapNodes, a: number, b: number): number {
  if (a === NO_REFERENCE) return b;
  if (b === NO_REFERENCE) return a;
  const isFirst = nodes.isBefore(a, b);
  const top = isFirst ? a : b;
  const right = merge(nodes, nodes.right(top), isFirst ? b : a);
  nodes.setRight(top, right);
  nodes.setParent(right, top);
  settleNode(nodes, top);
  return top;
}

/** Puts the child of the higher rank on the left; gives whether the node's own rank changed. */
function settleNode(nodes: HeapNodes, node: number): boolean {
  const left = nodes.left(node);
  const right = nodes.right(node);
  const leftRank = left === NO_REFERENCE ? 0 : nodes.rank(left);
  const rightRank = right === NO_REFERENCE ? 0 : nodes.rank(right);
  if (leftRank < rightRank) {
    nodes.setLeft(node, right);
    nodes.setRight(node, left);
  }
  const rank = Math.min(leftRank, rightRank) + 1;
  if (nodes.rank(node) === rank) return false;
  nodes.setRank(node, rank);
  return true;
}
