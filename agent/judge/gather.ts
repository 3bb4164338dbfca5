// The evidence of one judgement: this agent's own row and those of all peers, by way of others where that is needed.
// Rows come one by one and become evidence in slices, so that probing goes on meanwhile.
import type { Clock } from "../base/clock.ts";
import { inTurn } from "../base/in-turn.ts";
import { inSlices, SLICE_MS } from "../base/slices.ts";
import type { Evidence, NodeEvidence } from "../diagnosis/evidence/evidence.ts";
import { agentOf, evidenceRow, evidenceSteps, type EvidenceRow } from "../diagnosis/evidence/from-snapshot.ts";
import { inDisplayOrder } from "../model/order.ts";
import type { Identity } from "../model/identity.ts";
import type { Node, Peer } from "../model/peer.ts";
import type { MissingRow, Row } from "../model/snapshot.ts";
import type { CompactRow } from "../peers/compact-row.ts";
import type { PeerApi, RowQuery } from "../peers/peer-api.ts";
import type { Rows } from "../peers/rows.ts";

export interface EvidenceSources {
  readonly node: Node;
  /** Everybody else in this agent's own discovery: what a finding may name. */
  peers(): readonly Peer[];
  /** Kubernetes tells it of each agent, as long as its kubelet reports; a list in a file tells nothing of it. */
  readonly isReadinessTold: boolean;
  peerApis(): readonly PeerApi[];
  row(query: RowQuery): Row;
  /** This agent's own addresses. */
  identity(): Pick<Identity, "podAddresses" | "nodeAddresses">;
}

/** Requests under way at once. */
const CONCURRENCY = 8;

/** Never rejects for a peer's fault: what did not come is a missing row. */
export async function gatherEvidence({
  sources,
  rows,
  clock,
  isHasty = false,
}: {
  readonly sources: EvidenceSources;
  readonly rows: Pick<Rows, "evidence">;
  readonly clock: Clock;
  /** Nobody is waited for for long. */
  readonly isHasty?: boolean;
}): Promise<Evidence> {
  const [self, peers, apis] = [sources.node, sources.peers(), sources.peerApis()];
  const own = sources.row({ detail: "window" });
  const silent = silentPeers(own);
  const given = new Map<string, EvidenceRow>([[self.name, evidenceRow(own)]]);
  const missing: MissingRow[] = [];
  const reached = new Set(apis.map(({ node }) => node.name));
  for (const { node } of peers)
    if (!reached.has(node.name)) missing.push({ node, reason: "discovery gives no address for it" });
  await inTurn(apis, CONCURRENCY, async (api) => {
    const answer = await rows.evidence(api, { isSilent: silent.has(api.node.name), isHasty });
    if (answer.kind === "missing") missing.push(answer);
    else given.set(api.node.name, answer.kind === "compact" ? compactEvidence(answer.row) : evidenceRow(answer.row));
  });
  const { podAddresses, nodeAddresses } = sources.identity();
  const known = new Map<string, Pick<NodeEvidence, "serving" | "addresses">>([
    [self.name, { addresses: { pod: podAddresses, node: nodeAddresses } }],
    ...peers.map(({ node, serving, addresses }) => {
      return [node.name, { ...(sources.isReadinessTold && { serving }), addresses }] as const;
    }),
  ]);
  const nodes = inDisplayOrder([self, ...peers.map(({ node }) => node)]);
  const steps = evidenceSteps({
    atSeconds: clock.baseSeconds + clock.realtimeNs() / 1e9,
    nodes: nodes.map((node) => ({ node, ...known.get(node.name) })),
    judge: self.name,
    // Not as they came: for pairs in another order all that is remembered of them would have to be moved.
    rows: nodes.flatMap(({ name }) => given.get(name) ?? []),
    missing,
  });
  return inSlices(steps, SLICE_MS);
}

export const compactEvidence = (row: CompactRow): EvidenceRow => ({
  pairs: row.pairs,
  addTo(builder) {
    if (builder.beginRow(row.head.source.name, agentOf(row.head))) row.tell(builder);
  },
});

/** Of the last four seconds, as far as they are told: a probe is known to be lost a second after it was due. */
const SILENT_SECONDS = 4;
const SILENT_LOST = 3;

/** Peers whose pods have answered no ICMP of this agent for the last seconds: their agents will not answer either. */
export function silentPeers({ pairs }: Pick<Row, "pairs">): ReadonlySet<string> {
  const [silent, answering] = [new Set<string>(), new Set<string>()];
  for (const { destination, network, protocol, lostSeconds } of pairs) {
    if (network !== "pod" || protocol !== "icmp") continue;
    const lost = (lostSeconds ?? "").slice(-SILENT_SECONDS).replaceAll("0", "").length;
    (lost >= SILENT_LOST ? silent : answering).add(destination.name);
  }
  return silent.difference(answering);
}
