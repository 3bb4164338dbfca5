// The verdict as it crosses the border between agents, checked. Whoever lies may name findings that are none; it may
// not fill memory or screens. Unknown fields are let through and dropped: a newer judge may say more.
import * as z from "zod";
import {
  CAUSE_KINDS,
  DIRECTIONS,
  FINDING_CODES,
  NETWORK_CHECKS,
  type Findings,
  type Verdict,
} from "../model/finding.ts";
import { IP_FAMILIES, NETWORKS } from "../model/peer.ts";
import { PROTOCOLS } from "../probes/protocols.ts";

const name = z.string().min(1).max(253);
const zone = z.string().max(253);
const text = z.string().max(2_000);
const moment = z.iso.datetime({ offset: true });
const ratio = z.number().min(0).max(1);
const amount = z.number().min(0);

const subject = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("node"), node: name }),
  z.object({ kind: z.literal("pair"), nodes: z.tuple([name, name]) }),
  z.object({ kind: z.literal("zone"), zone }),
  z.object({ kind: z.literal("zone-pair"), zones: z.tuple([zone, zone]) }),
  z.object({ kind: z.literal("group"), id: z.string().regex(/^[0-9a-f]{1,16}$/), nodes: z.array(name).max(5_000) }),
  z.object({ kind: z.literal("mesh") }),
]);

const scope = z.object({
  network: z.enum(NETWORKS).optional(),
  protocol: z.enum(PROTOCOLS).optional(),
  family: z.enum(IP_FAMILIES).optional(),
  sourcePorts: z.array(z.int().min(0).max(255)).max(256).optional(),
});

const figures = z.object({
  loss: ratio.optional(),
  lost: amount.optional(),
  probes: amount.optional(),
  windowSeconds: amount.optional(),
  pairs: amount.optional(),
  losingPairs: amount.optional(),
  passesBytes: amount.optional(),
  shortfallBytes: amount.optional(),
  rttNs: amount.optional(),
  rttBeforeNs: amount.optional(),
  hops: amount.optional(),
  hopsBefore: amount.optional(),
});

const cause = z.object({
  kind: z.enum(CAUSE_KINDS),
  text,
  for: z.array(text).max(32),
  against: z.array(text).max(32),
});

const finding = z.object({
  id: z.string().min(1).max(1_000),
  code: z.enum(FINDING_CODES),
  subject,
  scope,
  direction: z.enum(DIRECTIONS).optional(),
  text,
  figures,
  confidence: ratio,
  since: moment,
  causes: z.array(cause).max(64),
  next: text,
  cure: text,
  runbook: z.string().max(200),
});

/** A newer judge may have codes that this agent does not know: they are left out, the rest stands. */
const known = <T extends z.ZodType>(item: T) =>
  z
    .array(z.unknown())
    .max(2_000)
    .transform((items) =>
      items.flatMap((one): z.output<T>[] => {
        const checked = item.safeParse(one);
        return checked.success ? [checked.data] : [];
      }),
    );

const verdict = z.object({
  schemaVersion: z.literal(1),
  at: moment,
  by: z.object({ name: zone, zone }),
  state: z.enum(["fine", "broken", "undecided"]),
  text,
  findings: known(finding),
  checks: z
    .array(
      z.object({
        name: z.enum(NETWORK_CHECKS),
        state: z.enum(["holds", "broken", "unknown"]),
        text,
        findings: z.array(z.string().max(1_000)).max(2_000),
      }),
    )
    .max(16),
  alone: text.optional(),
});

const findings = verdict.extend({
  ended: known(finding.extend({ ended: moment, because: z.enum(["over", "explained", "gone"]) })),
});

/** Undefined when it is no such document. */
export const parseVerdict = (said: unknown): Verdict | undefined => verdict.safeParse(said).data as Verdict | undefined;
export const parseFindings = (said: unknown): Findings | undefined =>
  findings.safeParse(said).data as Findings | undefined;
