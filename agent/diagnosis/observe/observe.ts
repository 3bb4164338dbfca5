// All that one judgement sees, with what one observation explains of another taken away: one incident, one finding.
import type { Subject } from "../../model/finding.ts";
import { findCulprits, type Culprit, type Look } from "../locate/culprits.ts";
import type { Steps } from "../../base/slices.ts";
import type { Evidence } from "../evidence/evidence.ts";
import { observeAddresses } from "./addresses.ts";
import { observeAgents } from "./agents.ts";
import { observeLosses } from "./losses.ts";
import { MARKS } from "./marks.ts";
import type { Observation } from "./observation.ts";
import { namesIn } from "./places.ts";
import { mergePairs } from "./some-peers.ts";
import { observeServices } from "./services.ts";

export interface Observed {
  readonly observations: readonly Observation[];
  readonly culprits: readonly Culprit[];
}

export function* observe(look: Look): Steps<Observed> {
  const culprits = yield* findCulprits(look, rejectedSlots(look.evidence));
  const losses = mergePairs(yield* observeLosses(culprits, look), look);
  yield;
  const others: Observation[] = [];
  for (const mark of MARKS) others.push(...(yield* mark(look)));
  for (const kind of [observeAgents, observeServices, observeAddresses]) {
    others.push(...kind(look));
    yield;
  }
  const down = new Set(
    losses.filter(({ code }) => GONE.has(code)).flatMap(({ subject }) => namesIn(subject, look.evidence)),
  );
  return {
    culprits,
    observations: [
      ...losses.filter(({ subject }) => subject.kind !== "pair" || !subject.nodes.some((node) => down.has(node))),
      ...others.filter((o) => !isExplained(o, down, losses)),
    ],
  };
}

/** What is lost to these says nothing else of them. */
const GONE: ReadonlySet<string> = new Set(["IN-NODE-DOWN", "IN-AGENT-DOWN", "IN-AGENT-STARVED"]);

function isExplained(
  { code, subject }: Observation,
  gone: ReadonlySet<string>,
  losses: readonly Observation[],
): boolean {
  const concerned = namesOf(subject);
  // Latency and routes of what loses everything, silence of what is gone: consequences.
  if (concerned.some((name) => gone.has(name))) return code !== "IN-NOT-MEASURED";
  return (
    code === "IN-AGENT-DOWN" &&
    losses.some((loss) => sameSubject(loss.subject, subject) && loss.code === "IN-POD-NETWORK")
  );
}

const namesOf = (subject: Subject): readonly string[] =>
  subject.kind === "node" ? [subject.node] : subject.kind === "pair" ? subject.nodes : [];

const sameSubject = (a: Subject, b: Subject): boolean => a.kind === "node" && b.kind === "node" && a.node === b.node;

/** Slots whose failures were told by somebody on the way: the path works as far as he is, and it is no loss. */
function rejectedSlots({ paths, pairs }: Evidence): Uint8Array[] {
  return paths.map(({ failures, blocked }) => {
    const leftOut = new Uint8Array(pairs.count);
    for (let pair = 0; pair < pairs.count; pair++)
      if (blocked[pair]! > 0 && blocked[pair]! * 2 >= failures[pair]!) leftOut[pair] = 1;
    return leftOut;
  });
}
