/** Which directions of which links are cut for a partition of some shape. */
import type { Direction } from "../lab/links.ts";
import type { PartitionShape } from "./strike.ts";

/** `leader` is the node that leads now, of `ids`. */
export function cutsOf(
  shape: PartitionShape,
  ids: readonly number[],
  leader: number,
): readonly Direction[] {
  const others = ids.filter((id) => id !== leader);
  const [follower = leader] = others;
  switch (shape) {
    case "isolated-leader":
      return between([leader], others);
    case "isolated-follower":
      return between([follower], without(ids, [follower]));
    case "halves": {
      const minority = [leader, ...others.slice(0, Math.ceil(ids.length / 2) - 2)];
      return between(minority, without(ids, minority));
    }
    case "deaf-leader":
      return oneWay(others, [leader]);
    case "mute-leader":
      return oneWay([leader], others);
    case "deaf-follower":
      return oneWay(without(ids, [follower]), [follower]);
    case "bridge": {
      // The leader loses half of the others, and they hear each other through none but one.
      const rest = others.slice(1);
      const half = Math.ceil(rest.length / 2);
      return between([leader, ...rest.slice(half)], rest.slice(0, half));
    }
  }
}

/** Everything to and from one node. */
export function around(id: number, ids: readonly number[]): readonly Direction[] {
  return between([id], without(ids, [id]));
}

function between(some: readonly number[], others: readonly number[]): Direction[] {
  return [...oneWay(some, others), ...oneWay(others, some)];
}

function oneWay(from: readonly number[], to: readonly number[]): Direction[] {
  return from.flatMap((one) => to.map((other) => ({ from: one, to: other })));
}

function without(ids: readonly number[], left: readonly number[]): number[] {
  return ids.filter((id) => !left.includes(id));
}
