// What crosses the border between agents, checked: a peer of another version, a broken or a lying one becomes a
// named missing row, never a wrong number on somebody's screen. Unknown fields are let through: a newer agent may say more.
import * as z from "zod";
import { FAILURE_REASONS } from "../model/outcome.ts";
import { IP_FAMILIES, NETWORKS, type Node } from "../model/peer.ts";
import { PROTOCOLS } from "../probes/protocols.ts";
import { withoutUnknown } from "./newer.ts";
import { SCHEMA_VERSION, type Row, type Snapshot } from "../model/snapshot.ts";
import { WINDOW_SECONDS } from "../model/window.ts";

const count = z.int().min(0);
const delayNs = z.number().min(0).max(3_600e9).optional();
const moment = z.iso.datetime({ offset: true });
/** Source ports that a newer agent may have. */
const MOST_PORTS = 64;
const LOST_SECONDS = new RegExp(`^[0-9a-f]{${WINDOW_SECONDS}}$`);
const spanSchema = z.object({ since: moment, until: moment });
const hex = z.string().regex(/^[0-9a-f]{1,64}$/);
const text = z.string().max(1_000);
const family = z.enum(IP_FAMILIES);
const network = z.enum(NETWORKS);
const protocol = z.enum(PROTOCOLS);
const stampClock = z.enum(["kernel", "user"]);

const nodeSchema = z.object({ name: z.string().min(1).max(253), zone: z.string().max(253) });

/** Both ends of a mean come from sums in floating point: one part in a million is rounding, not a lie. */
const atMost = (a: number | undefined, b: number | undefined): boolean =>
  a === undefined || b === undefined || a <= b * (1 + 1e-6) + 1;

const windowSchema = z
  .object({
    probes: count,
    failures: count,
    refusals: count,
    reasons: z.partialRecord(z.enum(FAILURE_REASONS), count),
    retransmits: count,
    lostForward: count,
    lostReverse: count,
    rttMeanNs: delayNs,
    rttMinNs: delayNs,
    rttMaxNs: delayNs,
    jitterNs: delayNs,
  })
  .refine((w) => w.failures + w.refusals <= w.probes, "more failures and refusals than probes")
  .refine((w) => w.lostForward + w.lostReverse <= w.failures, "more packets with a direction than failures")
  .refine(
    (w) => atMost(w.rttMinNs, w.rttMeanNs) && atMost(w.rttMeanNs, w.rttMaxNs),
    "RTT minimum, mean and maximum out of order",
  )
  .refine(
    (w) => w.rttMeanNs === undefined || w.probes > w.failures + w.refusals,
    "an RTT although nothing was answered",
  );

const secondSchema = z
  .object({ probes: count, failures: count, rttMeanNs: delayNs, rttMaxNs: delayNs })
  .refine((s) => s.failures <= s.probes, "more failures than probes");

const byte = z.int().min(0).max(255);
const portsSchema = z
  .object({ probes: z.array(byte).max(MOST_PORTS), failures: z.array(byte).max(MOST_PORTS) })
  .refine(
    ({ probes, failures }) => probes.length === failures.length && failures.every((lost, i) => lost <= probes[i]!),
    "more failures than probes of a source port",
  );

const hopCount = z.int().min(1).max(255);
const hopsSchema = z.object({ now: hopCount, before: hopCount.optional(), changedAt: moment.optional() });

const pairSchema = z.object({
  destination: nodeSchema,
  network,
  protocol,
  family,
  address: z.union([z.ipv4(), z.ipv6()]),
  window: windowSchema,
  seconds: z.array(secondSchema.nullable()).length(WINDOW_SECONDS).optional(),
  lostSeconds: z.string().regex(LOST_SECONDS).optional(),
  rttLatelyNs: delayNs,
  ports: portsSchema.optional(),
  hops: hopsSchema.optional(),
  hopsThere: hopsSchema.optional(),
  seenAs: z.union([z.ipv4(), z.ipv6()]).optional(),
});

const healthSchema = z.object({
  engine: z.enum(["kernel", "userspace"]),
  stamps: z.partialRecord(protocol, stampClock),
  unavailable: z
    .array(z.object({ network, protocol, reason: text }))
    .max(NETWORKS.length * PROTOCOLS.length * IP_FAMILIES.length),
  tickLagMaxMs: z.number().min(0),
  probesSkipped: count,
  localErrors: count,
  socketDrops: count,
  clockSteps: count,
  discoveryAgeSeconds: z.number().min(0),
  // A newer agent may have other results.
  reflector: z
    .record(z.string().max(32), count)
    .refine((results) => Object.keys(results).length <= 64, "more results than there can be")
    .optional(),
});

/** A newer agent may have other reasons. */
const unprobedSchema = z.object({
  destination: nodeSchema,
  reason: z.string().max(64),
  network: network.optional(),
  text,
});

/** A newer agent may probe other Services, and have other reasons. */
const servicePathSchema = z.object({
  paths: z
    .array(
      z
        .object({
          service: z.string().max(64),
          family,
          address: z.union([z.ipv4(), z.ipv6()]),
          probes: count,
          failures: count,
          reasons: z.record(z.string().max(32), count),
          retransmits: count,
          rttMeanNs: delayNs,
        })
        .refine((s) => s.failures <= s.probes, "more failures of the service path than probes"),
    )
    .max(64),
  unresolved: z.array(z.object({ service: z.string().max(64), reason: text })).max(64),
});

/** A newer agent may ask other servers, and for names of other kinds. */
const dnsSchema = z
  .array(
    z
      .object({
        server: z.string().max(64),
        address: z.string().max(64).optional(),
        names: z.string().max(32),
        lookups: count,
        failures: count,
        meanNs: delayNs,
        maxNs: delayNs,
      })
      .refine((s) => s.failures <= s.lookups, "more failed lookups than lookups"),
  )
  .max(64);

const extentSchema = z.object({ nodes: count, probed: count, isFullMesh: z.boolean(), largestInDegree: count });

/** All of a row but its lists: what the compact form says in JSON too. */
const rowHead = {
  schemaVersion: z.literal(SCHEMA_VERSION),
  source: nodeSchema,
  version: z.string().max(64),
  incarnation: hex,
  startedAt: moment,
  at: moment,
  health: healthSchema,
  unprobed: z.array(unprobedSchema).max(10_000).optional(),
  extent: extentSchema.optional(),
  servicePath: servicePathSchema.optional(),
  dns: dnsSchema.optional(),
  dnsTrouble: text.optional(),
};
export const rowHeadSchema = z.object(rowHead);

export const rowSchema = z
  .object({
    ...rowHead,
    covered: spanSchema.optional(),
    leftOut: z.array(z.string().max(64)).max(16).optional(),
    pairs: z.array(pairSchema),
    pathMtu: z.array(z.object({ destination: nodeSchema, network, family, passesBytes: count, shortfallBytes: count })),
    udpReceived: z.array(
      z.object({ source: nodeSchema, network, family, received: count, incarnation: hex, highest: count, bitmap: hex }),
    ),
  })
  .refine(
    (row) =>
      new Set(row.pairs.map((p) => `${p.destination.name}/${p.network}/${p.protocol}/${p.family}`)).size ===
      row.pairs.length,
    "the same slot twice",
  )
  .refine((row) => row.pairs.every((p) => p.destination.name !== row.source.name), "a pair from the node to itself");

export const snapshotSchema = z.object({
  schemaVersion: z.literal(SCHEMA_VERSION),
  at: moment,
  span: spanSchema.optional(),
  by: nodeSchema,
  nodes: z.array(nodeSchema),
  // Each is judged for itself: one that this version cannot read is missing, and the others stay.
  rows: z.array(z.unknown()),
  missing: z.array(z.object({ node: nodeSchema, reason: text, hearsay: rowSchema.optional().catch(undefined) })),
  relayed: z
    .array(
      z.object({
        node: nodeSchema,
        by: z.array(z.string().max(253)),
        trust: z.enum(["signed", "agreed", "forwarded"]),
        reason: text,
      }),
    )
    .optional(),
  unusable: z.array(text).optional(),
});

/** A row that cannot be shown; the message is the reason in words. */
export class RowError extends Error {
  override readonly name = "RowError";
}

/** The row of `node`, or RowError. `undefined` delays are absent in JSON, which reads the same. */
export function parseRow(json: string, node: Node): Row {
  let said: unknown;
  try {
    said = JSON.parse(json);
  } catch {
    throw new RowError(`its answer is not JSON: "${excerpt(json)}"`);
  }
  const row = checkedRow(said);
  if (row.source.name !== node.name) throw new RowError(`it answered as node '${excerpt(row.source.name)}'`);
  return row;
}

function checkedRow(said: unknown): Row {
  const speaks = z.object({ schemaVersion: z.unknown(), version: z.unknown() }).safeParse(said).data;
  if (typeof speaks?.schemaVersion === "number" && speaks.schemaVersion !== SCHEMA_VERSION) {
    throw new RowError(
      `it speaks schema ${speaks.schemaVersion} (internode ${excerpt(String(speaks.version))}), and schema ${SCHEMA_VERSION} is read here: finish the upgrade`,
    );
  }
  const { row, leftOut } = withoutUnknown(said);
  const checked = rowSchema.safeParse(row);
  if (!checked.success) throw new RowError(`its row is invalid: ${faults(checked.error)}`);
  return (leftOut.length === 0 ? checked.data : { ...checked.data, leftOut }) as Row;
}

/** A snapshot from the API, for those who read it over HTTP. Throws with all faults named. */
export function parseSnapshot(said: unknown): Snapshot {
  const version = z.object({ schemaVersion: z.unknown() }).safeParse(said).data?.schemaVersion;
  if (version !== undefined && version !== SCHEMA_VERSION) throw new RowError(otherDocument(version));
  const checked = snapshotSchema.safeParse(said);
  if (!checked.success) throw new RowError(`the snapshot is invalid: ${faults(checked.error)}`);
  const rows: Row[] = [];
  const missing = [...checked.data.missing];
  for (const one of checked.data.rows) {
    try {
      rows.push(checkedRow(one));
    } catch (err) {
      const node = z.object({ source: nodeSchema }).safeParse(one).data?.source;
      if (node === undefined || !(err instanceof RowError))
        throw new RowError(`the snapshot is invalid: ${(err as Error).message}`, { cause: err });
      missing.push({ node, reason: err.message });
    }
  }
  return { ...checked.data, rows, missing } as Snapshot;
}

/** The agents are of a release that cannot be understood, and only another command line can. */
export const otherDocument = (version: unknown): string =>
  `the agents speak version ${excerpt(String(version))} of the mesh document, this internode version ${SCHEMA_VERSION}: use the internode of the agents' release`;

const SHOWN_FAULTS = 2;

export function faults({ issues }: z.ZodError): string {
  const shown = issues
    .slice(0, SHOWN_FAULTS)
    .map((i) => (i.path.length > 0 ? `${i.path.join(".")}: ${i.message}` : i.message));
  const more = issues.length - shown.length;
  return excerpt(shown.join("; "), 300) + (more > 0 ? `; and ${more} more` : "");
}

/** The beginning of what a stranger sent, printable and short enough for one line. */
export function excerpt(said: string, length = 80): string {
  const printable = said
    .slice(0, length + 1)
    .replaceAll(/[^\x20-\x7e]+/g, " ")
    .trim();
  return printable.length > length ? `${printable.slice(0, length)}…` : printable;
}
