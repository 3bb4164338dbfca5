// Cluster DNS as each node sees it.
import type { V1Pod } from "@kubernetes/client-node";
import { counted, formatDelay, formatLoss, listed } from "../../base/format.ts";
import { inTurn } from "../../base/in-turn.ts";
import { DNS_FAILING_RATIO } from "../../model/thresholds.ts";
import { KINDS, whyNot, type Objects } from "../cluster/objects.ts";
import { AGENT_PODS } from "../cluster/agent-pods.ts";
import type { DnsWindow, Snapshot } from "../../model/snapshot.ts";
import { items, tableOf, text, type Report, type Section } from "../report/report.ts";
import { isUnreached, type Unreached } from "../sources.ts";
import { dnsPods, isSinglePod, podName, podSections, type MinuteLine } from "./dns-pods.ts";
import { dnsOf, type DnsLookups } from "./dns.ts";
import { unseenSection } from "./topology-report.ts";

const METRICS_PORT = 9843;
/** Answers of pods under way at once. */
const AT_ONCE = 32;

type Line = DnsLookups & { readonly node: string };

export interface DnsSources {
  readonly objects: Objects | Unreached;
  readonly snapshot: Snapshot | Unreached;
}

/** By the agents' rows the last minute; by their metrics, where they may be read, all since they started. */
export async function dnsReport({ objects, snapshot }: DnsSources): Promise<Report> {
  const { lately, unseen: unseenRows } = lastMinute(snapshot);
  const [{ lines, answered, unseen: unseenMetrics }, { pods, unseen: unseenPods }] = await Promise.all([
    sinceStart(objects),
    dnsPods(objects),
  ]);
  const unseen = [...unseenRows, ...unseenMetrics, ...unseenPods];
  if (answered === 0 && lately.length === 0) return unseenReport(unseen);
  const atService = lately.filter((line) => !isSinglePod(line));
  const atPods = lately.filter(isSinglePod);
  const measured = lately.length > 0 ? atService : lines;
  const failing = measured.filter(isFailing);
  const failingPods = [...new Set(atPods.filter(isFailing).map(({ address }) => podName(address, pods)))];
  const late = lines.filter((line) => line.late > 0);
  return {
    title: "dns",
    headline: headlineOf({ measured, failing, failingPods, answered }),
    isFault: failing.length > 0 || failingPods.length > 0,
    sections: [
      ...(atService.length === 0 ? [] : [{ title: "Lookups of the last minute", blocks: [minuteTable(atService)] }]),
      ...podSections({ atPods, pods }),
      ...(lines.length === 0
        ? []
        : [{ title: "Lookups since each agent started, A and AAAA at once", blocks: [lookupTable(lines)] }]),
      ...(late.length === 0 ? [] : [lateSection(late)]),
      ...searchSection(lines),
      ...unseenSection(unseen),
    ],
    data: { lastMinute: lately, lookups: lines, pods, unseen },
  };
}

const isFailing = ({ lookups, failures }: Pick<DnsWindow, "lookups" | "failures">): boolean =>
  lookups > 0 && failures / lookups > DNS_FAILING_RATIO;

interface Said {
  readonly measured: readonly { readonly node: string }[];
  readonly failing: readonly { readonly node: string }[];
  readonly failingPods: readonly string[];
  readonly answered: number;
}

function headlineOf({ measured, failing, failingPods, answered }: Said): string {
  if (measured.length === 0) return `DNS is not measured by the ${counted(answered, "agent")} that answered.`;
  if (failing.length > 0) return `Lookups fail on ${listed([...new Set(failing.map(({ node }) => node))])}.`;
  const works = `Lookups work on ${counted(new Set(measured.map(({ node }) => node)).size, "node")}`;
  return failingPods.length === 0
    ? `${works}.`
    : `${works}; of the pods behind cluster DNS ${listed(failingPods)} ${failingPods.length === 1 ? "fails" : "fail"}.`;
}

function lastMinute(snapshot: Snapshot | Unreached): { lately: readonly MinuteLine[]; unseen: readonly string[] } {
  if (isUnreached(snapshot)) return { lately: [], unseen: [`the agents were not asked: ${snapshot.why}`] };
  const { rows, missing } = snapshot;
  return {
    lately: rows.flatMap(({ source, dns = [] }) => dns.map((window) => ({ node: source.name, ...window }))),
    unseen: [
      ...missing.map(({ node, reason }) => `the row of ${node.name}: ${reason}`),
      ...rows.flatMap(({ source, dnsTrouble }) =>
        dnsTrouble === undefined ? [] : [`the pods behind cluster DNS, by ${source.name}: ${dnsTrouble}`],
      ),
    ],
  };
}

const minuteTable = (lines: readonly MinuteLine[]) =>
  tableOf(
    ["node", "server", "address", "names", "lookups", "failed", "mean delay", "longest"],
    lines.map(({ node, server, address = "", names, lookups, failures, meanNs, maxNs }) => [
      node,
      server,
      address,
      names,
      String(lookups),
      lookups === 0 ? "" : formatLoss(failures / lookups),
      meanNs === undefined ? "" : formatDelay(meanNs),
      maxNs === undefined ? "" : formatDelay(maxNs),
    ]),
  );

const lateSection = (late: readonly Line[]): Section => ({
  title: "Answers that were lost on the way",
  blocks: [
    items(
      late.map(({ node, server, name, late: n, answered: all }) => ({
        mark: "note" as const,
        text: `${node}: ${n} of ${counted(all, "lookup")} of ${name} at ${server} took 4 s or more`,
      })),
    ),
    text(
      "A resolver that waits 5 s has lost an answer; with A and AAAA asked at once it is often the race in connection tracking. Cure: NodeLocal DNSCache, or single-request-reopen with glibc.",
    ),
  ],
});

/** Kubernetes gives a pod `options ndots:5` and at least these: its namespace's, svc and the cluster's domain. */
const SEARCH_DOMAINS = 3;

/** The agents ask for full names, so what the search list of a pod adds is their delay as often as it asks in vain. */
function searchSection(lines: readonly Line[]): Section[] {
  const answered = lines.filter((line) => line.answered > 0);
  if (answered.length === 0) return [];
  const meanNs = (line: Line) => (line.sumSeconds / line.answered) * 1e9;
  const slowest = answered.reduce((a, b) => (meanNs(b) > meanNs(a) ? b : a));
  return [
    {
      title: "What the search path costs",
      blocks: [
        text(
          `A pod that looks up a name of the outside with fewer than 5 dots, such as example.org, asks at least ${SEARCH_DOMAINS} times in vain first, by its search list: at the delays above up to ${formatDelay(SEARCH_DOMAINS * meanNs(slowest))} more (${slowest.node}). A dot at the end of the name, or ndots:1 in the pod's dnsConfig, spares it.`,
        ),
      ],
    },
  ];
}

async function sinceStart(objects: Objects | Unreached) {
  const none = (why: string) => ({ lines: [] as readonly Line[], answered: 0, unseen: [why] });
  if (isUnreached(objects)) return none(`the API server was not asked: ${objects.why}`);
  const pods = await objects.list<V1Pod>(KINDS.pods, { labels: AGENT_PODS });
  if (pods.kind !== "read") return none(`the agents' pods were not seen: ${whyNot(pods)}`);
  const agents = pods.value.filter(({ metadata }) =>
    metadata?.ownerReferences?.some(({ kind }) => kind === "DaemonSet"),
  );
  if (agents.length === 0) return none(`there is no agent: no pod of a DaemonSet with ${AGENT_PODS}`);
  return read(objects, agents);
}

/** Of a node that is gone it is known after 40 seconds; until then it is asked in vain. */
const isReady = ({ status }: V1Pod): boolean =>
  status?.conditions?.every(({ type, status: state }) => type !== "Ready" || state === "True") ?? true;

async function read(objects: Objects, agents: readonly V1Pod[]) {
  const lines: Line[] = [];
  const refused = new Map<string, string[]>();
  let answered = 0;
  const refuse = (node: string, why: string) => refused.set(why, [...(refused.get(why) ?? []), node]);
  await inTurn(agents, AT_ONCE, async (agent) => {
    const { metadata, spec } = agent;
    const [namespace, name, node] = [metadata?.namespace ?? "", metadata?.name ?? "", spec?.nodeName ?? ""];
    if (!isReady(agent)) return void refuse(node, "the agent's pod is not ready");
    const ports = (spec?.containers ?? []).flatMap((container) => container.ports ?? []);
    const port = ports.find((one) => one.name === "metrics")?.containerPort ?? METRICS_PORT;
    const metrics = await objects.fromPod({ namespace, name, port }, "/metrics");
    if (metrics.kind === "read") {
      answered++;
      lines.push(...dnsOf(metrics.value).map((lookups) => ({ node, ...lookups })));
    } else refuse(node, whyNot(metrics)!);
  });
  lines.sort((a, b) => (a.node < b.node ? -1 : a.node > b.node ? 1 : 0));
  return { lines, answered, unseen: [...refused].map(([why, nodes]) => `metrics of ${listed(nodes)}: ${why}`) };
}

const lookupTable = (lines: readonly Line[]) =>
  tableOf(
    ["node", "server", "looked up", "lookups", "failed", "reasons", "mean delay"],
    lines.map(({ node, server, name, lookups, failures, reasons, sumSeconds, answered }) => [
      node,
      server,
      name,
      String(lookups),
      lookups === 0 ? "" : formatLoss(failures / lookups),
      Object.entries(reasons)
        .map(([reason, n]) => `${n} ${reason}`)
        .join(", "),
      answered === 0 ? "" : formatDelay((sumSeconds / answered) * 1e9),
    ]),
  );

const unseenReport = (unseen: readonly string[]): Report => ({
  title: "dns",
  headline: "What the agents measure of DNS could not be seen.",
  isFault: true,
  sections: unseenSection(unseen),
  data: { lastMinute: [], lookups: [], unseen },
});
