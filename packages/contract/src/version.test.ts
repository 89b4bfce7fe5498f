import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { clone, create, fromBinary, toJson } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { file_kqueuey_v1_cluster } from "./gen/kqueuey/v1/cluster_pb.ts";
import { file_kqueuey_v1_error } from "./gen/kqueuey/v1/error_pb.ts";
import { file_kqueuey_v1_queue } from "./gen/kqueuey/v1/queue_pb.ts";
import { file_kqueuey_v1_stream } from "./gen/kqueuey/v1/stream_pb.ts";
import { PROTOCOL_HISTORY, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN } from "./version.ts";

const protoFolder = new URL("../proto/kqueuey/v1/", import.meta.url);

/** The schemas without comments and blank space, which may change freely. */
function hashSchemas(): string {
  const hash = createHash("sha256");
  for (const file of readdirSync(protoFolder).sort()) {
    const text = readFileSync(new URL(file, protoFolder), "utf8");
    hash.update(file);
    hash.update(text.replace(/\/\/.*$/gm, "").replace(/\s+/g, " "));
  }
  return hash.digest("hex").slice(0, 16);
}

test("a changed schema forces a new protocol version and a line in the history", () => {
  const newest = PROTOCOL_HISTORY.at(-1);
  expect(
    newest?.schemas,
    "the schemas changed: raise PROTOCOL_VERSION and add a line to PROTOCOL_HISTORY in src/version.ts",
  ).toBe(hashSchemas());
});

test("the history counts up from 1 to the version, and the oldest understood version is in it", () => {
  expect(PROTOCOL_HISTORY.map((entry) => entry.version)).toEqual(
    PROTOCOL_HISTORY.map((_, index) => index + 1),
  );
  expect(PROTOCOL_HISTORY.at(-1)?.version).toBe(PROTOCOL_VERSION);
  expect(PROTOCOL_VERSION_MIN).toBeGreaterThanOrEqual(1);
  expect(PROTOCOL_VERSION_MIN).toBeLessThanOrEqual(PROTOCOL_VERSION);
});

test("the generated code is of these schemas: `npm run generate` writes it", {
  timeout: 30_000,
}, () => {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const buf = `${root}node_modules/.bin/buf`;
  const image = execFileSync(buf, ["build", "packages/contract/proto", "-o", "-#format=binpb"], {
    cwd: root,
    maxBuffer: 16_777_216,
  });
  const built = fromBinary(FileDescriptorSetSchema, image).file.map(describeFile);
  const generated = [
    file_kqueuey_v1_cluster,
    file_kqueuey_v1_error,
    file_kqueuey_v1_queue,
    file_kqueuey_v1_stream,
  ].map((file) => describeFile(file.proto));
  expect(built.toSorted()).toEqual(generated.toSorted());
});

/** Comments and places of definitions aside: the generated code does not have them. */
function describeFile(file: FileDescriptorProto): string {
  const { sourceCodeInfo: _, ...rest } = clone(FileDescriptorProtoSchema, file);
  const bare = create(FileDescriptorProtoSchema, {
    ...rest,
    name: file.name.replace(/\.proto$/, ""),
  });
  return JSON.stringify(toJson(FileDescriptorProtoSchema, bare));
}
