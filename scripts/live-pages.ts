// Pages of commands, with what they print about live clusters: three nodes in three zones (test/e2e/record-pages.ts writes
// it). test/e2e/cli.test.ts and test/e2e/cni/pages.test.ts hold clusters of their own to the same lines.
import { commandPage, withOutputs } from "./command-page.ts";

/** `plain`: the chart's defaults; `flannel`: on its VXLAN, with dnsPods.enabled=true; `kube-router`: with its firewall. */
export type LiveCluster = "plain" | "flannel" | "kube-router";

export interface LiveExample {
  /** In a sentence, with a colon at its end. */
  readonly of: string;
  readonly words: readonly string[];
  /** `calm`: as installed; `cut`: node-3 has lost its cable two minutes ago; `acting`: calm, and with actions switched on. */
  readonly when: "calm" | "cut" | "acting";
  /** `plain` when left out. */
  readonly on?: LiveCluster;
  /** What its user may list, and nothing else; when left out, everything. */
  readonly reads?: readonly string[];
}

export interface LivePagePlan {
  readonly command: string;
  /** Markdown below the help. */
  readonly more?: string;
  readonly examples: readonly LiveExample[];
}

const CALM = "Three nodes in three zones, nothing wrong:";
const ACTING = `The same with actions switched on ([actions](../actions.md)):`;
const CUT = "The same cluster, two minutes after node-3 lost its cable:";

export const LIVE_PAGES: readonly LivePagePlan[] = [
  {
    command: "doctor",
    more: `Two agents judge for the whole mesh every 10 seconds ([what they can see](../detection.md)). Every code has a page
([all codes](../findings.md)). \`-o json\` prints one document with \`schemaVersion\`: the verdict, the checks, and the rows that
did not come.`,
    examples: [
      { of: CALM, words: ["doctor"], when: "calm" },
      { of: CUT, words: ["doctor"], when: "cut" },
      { of: "In one line a finding, for a chat:", words: ["doctor", "--short"], when: "cut" },
    ],
  },
  {
    command: "matrix",
    examples: [
      { of: CALM, words: ["matrix"], when: "calm" },
      { of: CUT, words: ["matrix", "--protocol", "icmp"], when: "cut" },
      { of: "For a ticket:", words: ["matrix", "--protocol", "udp", "-o", "markdown"], when: "calm" },
      { of: ACTING, words: ["matrix", "--now"], when: "acting" },
    ],
  },
  {
    command: "ping",
    more: `It is an [action](../actions.md): off unless you switch it on, with a token that the command finds by itself.
TCP and UDP are probed on the node network where the chart opens the probe port there (\`hostPort\`). The delay of a UDP answer
is known when the next answer has told when it really left, so one packet more is sent at the end.`,
    examples: [
      {
        of: "Three nodes in three zones, nothing wrong:",
        words: ["ping", "node-1", "node-2", "-c", "5", "-i", "0.2"],
        when: "acting",
      },
      {
        of: "One protocol on one network:",
        words: ["ping", "node-1", "node-3", "--network", "pod", "--protocol", "udp", "-c", "3", "-i", "0.2"],
        when: "acting",
      },
    ],
  },
  {
    command: "connect",
    more: `It is an [action](../actions.md): off unless you switch it on, with a token that the command finds by itself.`,
    examples: [
      {
        of: "The kubelet of another node, which listens on the node's own address:",
        words: ["connect", "node-1", "node-2", "10250"],
        when: "acting",
      },
      {
        of: "The probe port of the agents:",
        words: ["connect", "node-1", "node-3", "7843", "--network", "pod"],
        when: "acting",
      },
    ],
  },
  { command: "explain", examples: [{ of: "One code:", words: ["explain", "IN-NODE-DOWN"], when: "calm" }] },
  {
    command: "dns",
    examples: [
      { of: CALM, words: ["dns"], when: "calm" },
      {
        of: "With `dnsPods.enabled=true` in the chart, each pod behind cluster DNS for itself:",
        words: ["dns"],
        when: "calm",
        on: "flannel",
      },
    ],
  },
  {
    command: "topology",
    examples: [
      { of: "Three nodes with Flannel's VXLAN:", words: ["topology"], when: "calm", on: "flannel" },
      { of: "The same with kube-router:", words: ["topology"], when: "calm", on: "kube-router" },
      {
        of: "With Flannel, for somebody who may list nodes and nothing else:",
        words: ["topology"],
        when: "calm",
        on: "flannel",
        reads: ["nodes"],
      },
    ],
  },
  {
    command: "cni",
    examples: [
      { of: "Flannel's VXLAN:", words: ["cni"], when: "calm", on: "flannel" },
      { of: "kube-router:", words: ["cni"], when: "calm", on: "kube-router" },
    ],
  },
  {
    command: "policy",
    examples: [
      { of: "The chart's own policy, on kube-router:", words: ["policy"], when: "calm", on: "kube-router" },
      { of: "The same where nobody enforces it:", words: ["policy"], when: "calm", on: "flannel" },
    ],
  },
  { command: "cleanup", examples: [{ of: "A cluster with agents:", words: ["cleanup"], when: "calm", on: "flannel" }] },
  {
    command: "all",
    examples: [
      { of: CALM, words: ["all"], when: "calm" },
      { of: "The same with pseudonyms:", words: ["all", "--redact"], when: "calm" },
    ],
  },
  {
    command: "troubleshoot",
    examples: [
      { of: CALM, words: ["troubleshoot"], when: "calm" },
      { of: CUT, words: ["troubleshoot"], when: "cut" },
    ],
  },
];

const ORIGIN = "Written by test/e2e/record-pages.ts and `npm run golden`. Change those, or the command, not this.";

export const livePage = ({ command, more, examples }: LivePagePlan, outputs: readonly string[]): Promise<string> =>
  commandPage({ command, more, origin: ORIGIN, examples: withOutputs(examples, outputs) });

/** What a page says that each of its examples printed, in their order. */
export const outputsOf = (page: string): readonly string[] =>
  [...page.matchAll(/^```text\n\$ internode .*\n([^]*?)\n```$/gm)].map(([, output]) => output!);

/**
 * The lines of an output that are the same in every run: without figures, moments, pseudonyms, and what stands in columns
 * because of them.
 */
export function shapeOf(output: string): readonly string[] {
  const lines = output.split("\n").map((line) =>
    line
      .replaceAll(/\b(?:name|node|zone|pod|ip|net|host|namespace)-[0-9a-f]{6}\b/g, "PSEUDONYM")
      .replaceAll(/\bnode-\d\b/g, "NODE")
      .replaceAll(/\b(?:internode|kube-flannel-ds|kube-router|coredns-[a-z0-9]{8,10})-[a-z0-9]{5}\b/g, "POD")
      .replaceAll(/\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, "MAC")
      .replaceAll(/\d+\.\d+\.\d+-\S+/g, "KERNEL")
      .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*(?: UTC)?/g, "MOMENT")
      .replaceAll(/<?\d[\d.,/:%-]*/g, "N")
      .replaceAll(/\bN (?:µs|ms|s|min)(?![\w])/g, "TIME")
      .replaceAll(/(?:N )?TIME(?: \/ TIME)?/g, "TIME")
      // A lookup that was lost while the cluster came up.
      .replaceAll(/\bN timeout\b/g, "-")
      .replaceAll(/-{2,}/g, "-")
      .replaceAll(/\s+/g, " ")
      .trim(),
  );
  return [...new Set(lines)].filter((line) => line !== "").toSorted();
}
