// The guide of docs/troubleshooting.md by its sections, and which of them a finding leads to.
import { readFileSync } from "node:fs";
import type { FindingCode } from "../../model/finding.ts";

/** Put in by the build of the image; a checkout reads the page itself. */
declare const TROUBLESHOOTING: string | undefined;

export const guideText = (): string =>
  typeof TROUBLESHOOTING === "undefined"
    ? readFileSync(new URL("../../../docs/troubleshooting.md", import.meta.url), "utf8")
    : TROUBLESHOOTING;

export interface GuideSection {
  /** As the forge makes its anchor: "pods-cannot-reach-each-other". */
  readonly topic: string;
  readonly title: string;
  readonly text: string;
}

/** By the headings of the second level; what stands before the first is left out. */
export function guideSections(text: string): readonly GuideSection[] {
  return text
    .split(/^## /m)
    .slice(1)
    .map((part) => {
      const end = part.indexOf("\n");
      const title = part.slice(0, end);
      return { title, topic: anchorOf(title), text: part.slice(end + 1).trim() };
    });
}

const anchorOf = (title: string): string =>
  title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

const REACH = "pods-cannot-reach-each-other";
const SOMETIMES = "intermittent-loss-and-latency";
const CATALOGUE = "fault-catalogue";

export const TOPIC_OF: Readonly<Record<FindingCode, string>> = {
  "IN-NODE-DOWN": REACH,
  "IN-NODE-LOSS": SOMETIMES,
  "IN-SOME-PEERS": CATALOGUE,
  "IN-AGENT-DOWN": "look-at-the-matrix-first",
  "IN-AGENT-STARVED": SOMETIMES,
  "IN-PAIR-CUT": REACH,
  "IN-PAIR-LOSS": SOMETIMES,
  "IN-BETWEEN": SOMETIMES,
  "IN-ZONE-LOSS": CATALOGUE,
  "IN-ZONE-PAIR-LOSS": CATALOGUE,
  "IN-GROUP-LOSS": CATALOGUE,
  "IN-MESH-LOSS": SOMETIMES,
  "IN-POD-NETWORK": "from-one-node-to-another",
  "IN-NODE-NETWORK": CATALOGUE,
  "IN-DROPPED": REACH,
  "IN-REJECTED": REACH,
  "IN-FAMILY-LOSS": "from-one-node-to-another",
  "IN-SOME-PATHS": SOMETIMES,
  "IN-PATH-MTU": "overlay-against-underlay",
  "IN-ROUTE": "from-one-node-to-another",
  "IN-LATENCY": SOMETIMES,
  "IN-DNS": "dns",
  "IN-SERVICE-PATH": "services-do-not-answer-pods-do",
  "IN-ADDRESS-TWICE": "how-a-pod-gets-its-network",
  "IN-MASQUERADE": "from-one-node-to-another",
  "IN-MEMBERSHIP": "look-at-the-matrix-first",
  "IN-NOT-MEASURED": "look-at-the-matrix-first",
  "IN-UNSEEN": "look-at-the-matrix-first",
};
