// The pods behind cluster DNS: what each node sees of each of them, and what the API server knows of them.
import type { V1Pod } from "@kubernetes/client-node";
import { formatDelay, formatLoss } from "../../base/format.ts";
import type { DnsWindow } from "../../model/snapshot.ts";
import { KINDS, whyNot, type Objects } from "../cluster/objects.ts";
import { tableOf, text, type Section } from "../report/report.ts";
import { isUnreached, type Unreached } from "../sources.ts";

export type MinuteLine = DnsWindow & { readonly node: string };

export interface DnsPod {
  readonly name: string;
  readonly node: string;
  readonly addresses: readonly string[];
  readonly ready: boolean;
}

/** As every distribution but OpenShift labels them. */
const DNS_PODS = "k8s-app=kube-dns";
/** Wider tables are no help; programs get all by `-o json`. */
const MOST_COLUMNS = 8;

/** An agent of an older release says `pod` of what its resolv.conf names, and no address. */
export const isSinglePod = (line: MinuteLine): line is MinuteLine & { readonly address: string } =>
  line.server === "pod" && line.address !== undefined;

export async function dnsPods(
  objects: Objects | Unreached,
): Promise<{ readonly pods: readonly DnsPod[]; readonly unseen: readonly string[] }> {
  // Why there are no objects is said where the agents' metrics are missed.
  if (isUnreached(objects)) return { pods: [], unseen: [] };
  const read = await objects.list<V1Pod>(KINDS.pods, { labels: DNS_PODS });
  if (read.kind !== "read") return { pods: [], unseen: [`the pods behind cluster DNS were not seen: ${whyNot(read)}`] };
  return { pods: read.value.map(toDnsPod).toSorted((a, b) => (a.name < b.name ? -1 : 1)), unseen: [] };
}

const toDnsPod = ({ metadata, spec, status }: V1Pod): DnsPod => ({
  name: metadata?.name ?? "",
  node: spec?.nodeName ?? "",
  addresses: (status?.podIPs ?? []).map(({ ip }) => ip),
  ready: status?.conditions?.some(({ type, status: state }) => type === "Ready" && state === "True") ?? false,
});

/** Its name where the API server tells it. */
export const podName = (address: string, pods: readonly DnsPod[]): string =>
  pods.find(({ addresses }) => addresses.includes(address))?.name ?? address;

export function podSections({
  atPods,
  pods,
}: {
  readonly atPods: readonly (MinuteLine & { readonly address: string })[];
  readonly pods: readonly DnsPod[];
}): Section[] {
  const known = pods.map(({ name, node, addresses, ready }) => [
    name,
    node,
    addresses.join(", "),
    ready ? "ready" : "not ready",
  ]);
  const each = atPods.length > 0;
  const matrix = { title: "Each node to each pod behind cluster DNS", blocks: matrixOf(atPods, pods) };
  const notEach = text("The agents do not ask each of them for itself; the chart's dnsPods.enabled=true lets them.");
  const list = {
    title: "Pods behind cluster DNS",
    blocks: [tableOf(["pod", "node", "address", "state"], known), ...(each ? [] : [notEach])],
  };
  return [...(each ? [matrix] : []), ...(known.length > 0 ? [list] : [])];
}

/** A line a node, a column a pod: those that fail most first. */
function matrixOf(lines: readonly (MinuteLine & { readonly address: string })[], pods: readonly DnsPod[]) {
  const failed = new Map<string, number>();
  for (const { address, failures } of lines) failed.set(address, (failed.get(address) ?? 0) + failures);
  const worst = [...failed.keys()].toSorted((a, b) => failed.get(b)! - failed.get(a)! || (a < b ? -1 : 1));
  const shown = worst.slice(0, MOST_COLUMNS);
  const nodes = [...new Set(lines.map(({ node }) => node))];
  const table = tableOf(
    ["node", ...shown.map((address) => podName(address, pods))],
    nodes.map((node) => [
      node,
      ...shown.map((address) => cellOf(lines.filter((line) => line.node === node && line.address === address))),
    ]),
    "names",
  );
  return worst.length > shown.length
    ? [table, text(`The ${shown.length} that fail most, of ${worst.length}; a node asks at most 8 of them.`)]
    : [table];
}

function cellOf(windows: readonly DnsWindow[]): string {
  const lookups = windows.reduce((sum, window) => sum + window.lookups, 0);
  const failures = windows.reduce((sum, window) => sum + window.failures, 0);
  if (lookups === 0) return windows.length === 0 ? "" : "?";
  if (failures === lookups) return "FAIL";
  const answered = windows.filter(({ meanNs }) => meanNs !== undefined);
  const mean = answered.reduce((sum, { meanNs }) => sum + meanNs!, 0) / answered.length;
  const delay = answered.length === 0 ? "" : formatDelay(mean);
  return failures === 0 ? delay : `${formatLoss(failures / lookups)} ${delay}`.trim();
}
