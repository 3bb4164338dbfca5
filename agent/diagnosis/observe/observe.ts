// All that one judgement sees, with what one observation explains of another taken away: one incident, one finding.
import type { Subject } from "../../model/finding.ts";
import { findCulprits, type Culprit, type Look } from "../locate/culprits.ts";
import type { Steps } from "../../base/slices.ts";
import { OF_ADDRESSES } from "./addresses.ts";
import { OF_AGENTS } from "./agents.ts";
import { observeLosses } from "./losses.ts";
import { MARKS } from "./marks.ts";
import type { Observation } from "./observation.ts";
import { namesIn } from "./places.ts";
import { slotsWithoutLoss } from "./rejections.ts";
import { mergePairs } from "./some-peers.ts";
import { tellTwoApart } from "./two-down.ts";
import { OF_SERVICES } from "./services.ts";

export interface Observed {
  readonly observations: readonly Observation[];
  readonly culprits: readonly Culprit[];
}

export function* observe(look: Look): Steps<Observed> {
  const culprits = yield* findCulprits(look, yield* slotsWithoutLoss(look));
  const losses = tellTwoApart(mergePairs(yield* observeLosses(culprits, look), look), look);
  yield;
  const others: Observation[] = [];
  for (const mark of MARKS) others.push(...(yield* mark(look)));
  for (const kind of [...OF_AGENTS, ...OF_SERVICES, ...OF_ADDRESSES]) {
    others.push(...kind(look));
    yield;
  }
  const down = new Set(
    losses.flatMap(({ code, subject }) => (GONE.has(code) && subject.kind === "node" ? [subject.node] : [])),
  );
  const starved = new Set(
    losses.filter(({ code }) => code === "IN-AGENT-STARVED").flatMap(({ subject }) => namesIn(subject, look.evidence)),
  );
  return {
    culprits,
    observations: [
      ...losses.filter(({ subject }) => subject.kind !== "pair" || !subject.nodes.some((node) => down.has(node))),
      ...others.filter((o) => !isExplained(o, { down, starved, losses })),
    ],
  };
}

/** What is lost to these says nothing else of them. */
const GONE: ReadonlySet<string> = new Set(["IN-NODE-DOWN", "IN-AGENT-DOWN", "IN-AGENT-STARVED"]);

interface Explanations {
  readonly down: ReadonlySet<string>;
  /** Told already, alone or with others. */
  readonly starved: ReadonlySet<string>;
  readonly losses: readonly Observation[];
}

function isExplained({ code, subject }: Observation, { down, starved, losses }: Explanations): boolean {
  const concerned = namesOf(subject);
  // Latency and routes of what loses everything, silence of what is gone: consequences.
  if (concerned.some((name) => down.has(name))) return code !== "IN-NOT-MEASURED";
  if (code === "IN-AGENT-STARVED" && concerned.every((name) => starved.has(name))) return true;
  return (
    code === "IN-AGENT-DOWN" &&
    losses.some((loss) => sameSubject(loss.subject, subject) && loss.code === "IN-POD-NETWORK")
  );
}

const namesOf = (subject: Subject): readonly string[] =>
  subject.kind === "node" ? [subject.node] : subject.kind === "pair" ? subject.nodes : [];

const sameSubject = (a: Subject, b: Subject): boolean => a.kind === "node" && b.kind === "node" && a.node === b.node;
