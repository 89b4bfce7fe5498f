/**
 * A data directory's identity: which cluster and node it belongs to, in which format, how often it was
 * opened, whether anything was ever written for the cluster. 48 bytes: magic u32, format u16, node id u16,
 * cluster id (16), boot u53, used u8, zeroes, and at the end the CRC-32 of everything before.
 */
import {
  assert,
  ByteReader,
  ByteWriter,
  between,
  type Crc32,
  equalBytes,
  type NodeId,
  nodeId,
  type Random,
} from "@kqueuey/base";
import type { Disk } from "./disk.ts";
import { readWholeFile, writeWholeFile } from "./files.ts";
import { diskFailure, type StoreFailure } from "./store-types.ts";

/** "KQND". */
const MAGIC = 0x444e514b;
/** Format of the directory as a whole: raised when an older version could not read what a newer wrote. */
export const DIRECTORY_FORMAT = 1;
const META_BYTES = 48;
const META_PATH = "node.meta";

/** Why a directory is refused. Nothing in it was changed. */
export type OpenRefusal =
  | { readonly kind: "other-cluster"; readonly found: Uint8Array; readonly expected: Uint8Array }
  | { readonly kind: "other-node"; readonly found: NodeId; readonly expected: NodeId }
  | { readonly kind: "newer-format"; readonly found: number; readonly supported: number }
  | { readonly kind: "damaged-identity"; readonly message: string }
  | { readonly kind: "disk"; readonly failure: StoreFailure };

export interface NodeMeta {
  /** 16 bytes. */
  readonly clusterId: Uint8Array;
  readonly nodeId: NodeId;
  /** Raised at every open by a random step: 1 … 2^53 - 1. */
  readonly boot: number;
  /** Something was made durable for the cluster in this directory. */
  readonly used: boolean;
}

export function encodeNodeMeta(meta: NodeMeta, crc32: Crc32): Uint8Array {
  assert(meta.clusterId.length === 16, "a cluster id has 16 bytes");
  const writer = new ByteWriter(META_BYTES);
  writer.u32(MAGIC);
  writer.u16(DIRECTORY_FORMAT);
  writer.u16(meta.nodeId);
  writer.raw(meta.clusterId);
  writer.u53(meta.boot);
  writer.u8(meta.used ? 1 : 0);
  while (writer.length < META_BYTES - 4) writer.u8(0);
  writer.u32(crc32(writer.view()));
  return writer.take();
}

export function decodeNodeMeta(bytes: Uint8Array, crc32: Crc32): NodeMeta | OpenRefusal {
  const reader = new ByteReader(bytes);
  const magic = reader.u32();
  const format = reader.u16();
  if (magic === MAGIC && reader.ok && format > DIRECTORY_FORMAT) {
    return { kind: "newer-format", found: format, supported: DIRECTORY_FORMAT };
  }
  const id = reader.u16();
  const clusterId = new Uint8Array(reader.raw(16));
  const boot = reader.u53();
  const used = reader.u8() === 1;
  const body = bytes.subarray(0, META_BYTES - 4);
  const whole = bytes.length === META_BYTES && magic === MAGIC && reader.ok;
  if (!whole || new ByteReader(bytes, META_BYTES - 4).u32() !== crc32(body)) {
    return { kind: "damaged-identity", message: `${META_PATH} is not what was written` };
  }
  return { clusterId, nodeId: nodeId(id), boot, used };
}

export interface IdentityPorts {
  readonly disk: Disk;
  readonly crc32: Crc32;
  readonly random: Random;
}

export type IdentityResult =
  | { readonly ok: true; readonly value: NodeMeta }
  | { readonly ok: false; readonly refusal: OpenRefusal };

/** Checks the directory's identity and counts this open, durably; an empty directory gets one. */
export function openIdentity(
  ports: IdentityPorts,
  expected: { readonly clusterId: Uint8Array; readonly nodeId: NodeId },
  done: (result: IdentityResult) => void,
): void {
  const { disk, crc32 } = ports;
  const refuse = (refusal: OpenRefusal): void => done({ ok: false, refusal });
  readWholeFile(disk, META_PATH, (read) => {
    if (!read.ok) {
      refuse({ kind: "disk", failure: read.failure });
      return;
    }
    if (read.value === undefined) {
      checkEmpty(disk, (refusal) => {
        if (refusal !== undefined) refuse(refusal);
        else count(ports, { ...expected, boot: 0, used: false }, done);
      });
      return;
    }
    const found = decodeNodeMeta(read.value, crc32);
    if ("kind" in found) refuse(found);
    else if (!equalBytes(found.clusterId, expected.clusterId)) {
      refuse({ kind: "other-cluster", found: found.clusterId, expected: expected.clusterId });
    } else if (found.nodeId !== expected.nodeId) {
      refuse({ kind: "other-node", found: found.nodeId, expected: expected.nodeId });
    } else count(ports, found, done);
  });
}

/** A directory with data in it and no identity is not one to begin in. */
function checkEmpty(disk: Disk, done: (refusal: OpenRefusal | undefined) => void): void {
  disk.list("", (listed) => {
    if (!listed.ok) {
      done({ kind: "disk", failure: diskFailure(listed.error, "the data directory") });
      return;
    }
    const ours = listed.value.find(({ name }) => name === "wal" || name === "groups");
    if (ours === undefined) done(undefined);
    else {
      const message = `${META_PATH} is missing, yet there is a folder ${ours.name}`;
      done({ kind: "damaged-identity", message });
    }
  });
}

function count(ports: IdentityPorts, meta: NodeMeta, done: (result: IdentityResult) => void): void {
  const boot = meta.boot + between(ports.random, 1, 0xffff_ffff);
  assert(Number.isSafeInteger(boot), "boot numbers ran out");
  const value = { ...meta, boot };
  writeIdentity(ports, value, (failure) => {
    if (failure === undefined) done({ ok: true, value });
    else done({ ok: false, refusal: { kind: "disk", failure } });
  });
}

export function writeIdentity(
  ports: Pick<IdentityPorts, "disk" | "crc32">,
  meta: NodeMeta,
  done: (failure: StoreFailure | undefined) => void,
): void {
  const bytes = encodeNodeMeta(meta, ports.crc32);
  writeWholeFile(ports.disk, { path: META_PATH, bytes }, done);
}
