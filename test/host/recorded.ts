// Dumps of a real kernel, kept with what iproute2 said of the same namespace at that moment. Run as a program it records
// them anew: node scripts/node.mjs test/host/recorded.ts
import { readFileSync, writeFileSync } from "node:fs";
import { atOnce } from "../../agent/base/slices.ts";
import type { Dump } from "../../agent/kernel/netlink.ts";
import { readTables, type Tables, type TablesView } from "../../agent/host/tables.ts";
import { enterNamespace } from "../support/enter-namespace.ts";
import { madeNetwork, toldBy, type Told } from "./network.ts";

const FILE = new URL("recorded/tables.json", import.meta.url);

interface Recording {
  readonly kernel: string;
  /** Messages by the dump's type and family, in base64. */
  readonly dumps: Readonly<Record<string, readonly string[]>>;
  readonly told: Told;
}

const keyOf = ({ type, body }: Dump): string => `${type} ${body[0]}`;

export const recording = (): Recording => JSON.parse(readFileSync(FILE, "utf8")) as Recording;

/** Answers each dump with the messages that were recorded. */
export const replay = (dumps: Recording["dumps"]): Tables => ({
  *read(dump, begin) {
    const take = begin();
    for (const message of dumps[keyOf(dump)] ?? []) take(0, new Uint8Array(Buffer.from(message, "base64")));
    yield;
  },
});

/** Through these tables, noting what passes. */
export function noting(tables: Tables, into: Record<string, string[]>): Tables {
  return {
    *read(dump, begin) {
      yield* tables.read(dump, () => {
        const own: string[] = (into[keyOf(dump)] = []);
        const take = begin();
        return (type, body) => {
          own.push(Buffer.from(body).toString("base64"));
          take(type, body);
        };
      });
    },
  };
}

export function readWhole(tables: Tables): TablesView {
  return atOnce(readTables(tables));
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const { RouteTables } = await import("../../agent/kernel/netlink.ts");
  using network = madeNetwork();
  using inside = new DisposableStack();
  inside.use(enterNamespace(network.namespace));
  using tables = new RouteTables();
  const dumps: Record<string, string[]> = {};
  readWhole(noting(tables, dumps));
  const kernel = readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
  writeFileSync(FILE, `${JSON.stringify({ kernel, dumps, told: toldBy(network) }, null, 1)}\n`);
}
