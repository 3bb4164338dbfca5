// What rows cost a judge: bytes, and CPU to decode, check and turn them into evidence, as JSON and in the compact form.
import {
  agentOf,
  evidenceFromRows,
  evidenceRow,
  type EvidenceRow,
} from "../../agent/diagnosis/evidence/from-snapshot.ts";
import type { Node } from "../../agent/model/peer.ts";
import type { Row } from "../../agent/model/snapshot.ts";
import { encodeRow, readCompactRow } from "../../agent/peers/compact-row.ts";
import { parseRow } from "../../agent/peers/schema.ts";
import { sampleNodes, sampleRow } from "../support/sample-mesh.ts";
import type { Cell, Figure } from "./table.ts";

/** Above 100 nodes an agent probes 24 peers of the ring, and some across zones. */
const SAMPLED_PEERS = 30;
const MESHES = [
  { nodes: 100, rows: 100, peers: 99 },
  { nodes: 1_000, rows: 1_000, peers: SAMPLED_PEERS },
  { nodes: 1_001, rows: 20, peers: 1_000 },
] as const;
const ROUNDS = 3;

interface Form {
  readonly bytes: Buffer;
  readonly read: (bytes: Buffer, node: Node) => EvidenceRow;
}

const JSON_FORM = (row: Row): Form => ({
  bytes: Buffer.from(JSON.stringify(row)),
  read: (bytes, node) => evidenceRow(parseRow(bytes.toString("utf8"), node)),
});
const COMPACT_FORM = (row: Row): Form => ({
  bytes: encodeRow(row),
  read(bytes, node) {
    const compact = readCompactRow(bytes, node);
    return {
      pairs: compact.pairs,
      addTo(builder) {
        if (builder.beginRow(node.name, agentOf(compact.head))) compact.tell(builder);
      },
    };
  },
});

/** Least of some rounds: other work on the machine only adds. */
function cpuMs(work: () => void): number {
  const took = Array.from({ length: ROUNDS }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  });
  return Math.min(...took);
}

/** As agents tell of a healthy mesh: of hops wherever packets are, of the address seen and both ways where UDP is. */
export const withRoutes = (row: Row): Row => ({
  ...row,
  dns: [{ server: "cluster", names: "cluster", lookups: 6, failures: 0 }],
  pairs: row.pairs.map((pair) => ({
    ...pair,
    ...(pair.protocol !== "tcp" && { hops: { now: 3 } }),
    ...(pair.protocol === "udp" && {
      ports: { probes: [7, 8, 7, 8, 7, 8, 7, 8], failures: [0, 0, 0, 0, 0, 0, 0, 0] },
      hopsThere: { now: 3 },
      seenAs: pair.network === "pod" ? "10.244.1.2" : "10.10.0.1",
    }),
  })),
});

function measure({ nodes: count, rows: rowCount, peers }: (typeof MESHES)[number]): Cell[] {
  const nodes = sampleNodes({ nodes: count, zones: 5 });
  const rows = nodes.slice(0, rowCount).map((source, i) => {
    const probed = Array.from({ length: peers }, (_, step) => nodes[(i + 1 + step) % count]!);
    return withRoutes(sampleRow({ nodes: count, zones: 5 }, source, [source, ...probed]));
  });
  const forms = [JSON_FORM, COMPACT_FORM].map((form) => {
    const sent = rows.map((row) => ({ node: row.source, ...form(row) }));
    const decoded = cpuMs(() => {
      evidenceFromRows({
        atSeconds: 0,
        nodes: nodes.map((node) => ({ node })),
        judge: nodes[0]!.name,
        missing: [],
        rows: sent.map(({ bytes, node, read }) => read(bytes, node)),
      });
    });
    return { kib: sent.reduce((sum, { bytes }) => sum + bytes.length, 0) / sent.length / 1_024, decoded };
  });
  const [json, compact] = forms as [(typeof forms)[0], (typeof forms)[0]];
  return [
    `${rowCount} rows of ${peers} peers`,
    json.kib,
    compact.kib,
    json.decoded,
    compact.decoded,
    json.decoded / compact.decoded,
  ];
}

export async function run(): Promise<Figure> {
  return {
    tables: [
      {
        title: "Rows as evidence: JSON checked with zod, and the compact form (/api/v1/pairs?detail=evidence)",
        columns: ["", "KiB a row, JSON", "compact", "CPU ms, all rows, JSON", "compact", "times less"],
        rows: MESHES.map(measure),
        note: `decoded, checked and filled into evidence; least of ${ROUNDS} rounds; ICMP on two networks, TCP, UDP`,
      },
    ],
    bars: [],
  };
}
