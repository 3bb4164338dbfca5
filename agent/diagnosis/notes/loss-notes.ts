// What losing pairs have in common: a node, a pair of zones, a link. Pure.
import { counted, formatLoss, listed } from "../../base/format.ts";
import type { MeshGrid } from "./mesh-grid.ts";
import type { Note } from "./note.ts";
import type { PairLoss, PairLosses } from "./pair-losses.ts";

/** From this loss on a pair counts towards a pattern: that of the alerts (3%). */
const PATTERN_RATIO = 0.03;
/** Share of a node's or zone pair's pairs that makes it their pattern. */
const PATTERN_SHARE = 0.6;
const LINKS_TOLD = 5;
const NODES_TOLD = 4;

export interface LossNotes {
  readonly notes: readonly Note[];
  /** Nodes that are told as one; the reason of a missing row is in the note of those that are named. */
  readonly silentNodes: readonly string[];
}

export function lossNotes(grid: MeshGrid, losses: PairLosses): LossNotes {
  const { judged } = losses;
  const badNodes = patternNodes(grid, losses);
  const losing = judged.filter((p) => p.ratio > 0 && !badNodes.includes(p.from) && !badNodes.includes(p.to));
  const zones = zonePairNotes(grid, judged, losing);
  return {
    notes: [...nodeNotes(grid, losses, badNodes), ...zones.notes, ...linkNotes(grid, losses, zones.rest)],
    silentNodes: badNodes.map((i) => grid.nodes[i]!.name),
  };
}

/** Nodes most of whose pairs lose, coming and going; none when that would be half the mesh: then it is not the nodes. */
function patternNodes(grid: MeshGrid, losses: PairLosses): number[] {
  const found = grid.nodes.flatMap((node, i) => {
    const to = losses.to(i);
    const from = losses.from(i);
    const rowLoses = grid.missing.has(node.name) || (from.length > 0 && isPattern(from));
    return to.length >= 2 && isPattern(to) && rowLoses ? [i] : [];
  });
  return found.length * 2 <= grid.nodes.length ? found : [];
}

const isPattern = (pairs: readonly PairLoss[]): boolean =>
  pairs.filter((p) => p.ratio >= PATTERN_RATIO).length >= pairs.length * PATTERN_SHARE;

function nodeNotes(grid: MeshGrid, losses: PairLosses, nodes: readonly number[]): Note[] {
  const notes = nodes.slice(0, NODES_TOLD).map((node) => nodeNote(grid, losses, node));
  const more = nodes.slice(NODES_TOLD).map((i) => grid.nodes[i]!.name);
  return more.length === 0
    ? notes
    : [...notes, { text: `So ${more.length === 1 ? "does" : "do"} ${listed(more, 8)}.` }];
}

function nodeNote(grid: MeshGrid, losses: PairLosses, node: number): Note {
  const { name } = grid.nodes[node]!;
  const to = losses.to(node);
  const losing = to.filter((p) => p.ratio >= PATTERN_RATIO);
  const reason = grid.missing.get(name)?.reason;
  const silent = to.every((p) => p.answers === 0);
  const seen = silent
    ? `Nobody gets an answer from ${name} (${counted(to.length, "node")} ${to.length === 1 ? "tries" : "try"})`
    : `${name} loses packets with ${losing.length} of ${counted(to.length, "node")}, coming and going`;
  const fineNetworks = (["pod", "node"] as const).filter((network) => losses.isNetworkFine(to, network));
  const only = fineNetworks.length === 1 ? `, on the ${fineNetworks[0] === "pod" ? "node" : "pod"} network only` : "";
  const row = reason === undefined ? "" : `; its row is missing: ${reason}`;
  const worst = worstOf(losing);
  return { text: `${seen}${only}${row}.`, ...(worst && { pair: named(grid, worst) }) };
}

/** Zone pairs most of whose pairs lose are told as one; what is left is told link by link. */
function zonePairNotes(
  grid: MeshGrid,
  judged: readonly PairLoss[],
  losing: readonly PairLoss[],
): { readonly notes: Note[]; readonly rest: PairLoss[] } {
  const zoneKey = (p: PairLoss) => [grid.nodes[p.from]!.zone, grid.nodes[p.to]!.zone].sort().join(" ↔ ");
  const all = Map.groupBy(judged, zoneKey);
  const groups = [...Map.groupBy(losing, zoneKey)];
  const told = groups.filter(([key, pairs]) => grid.zones.length > 1 && pairs.length >= 4 && isPattern(all.get(key)!));
  return {
    notes: told.map(([key, pairs]) => {
      const [a, b] = key.split(" ↔ ");
      const where =
        a === b
          ? `inside ${a === "" ? "nodes without a zone" : a!}`
          : `between ${a || "no zone"} and ${b || "no zone"}`;
      return {
        text: `${pairs.length} of ${counted(all.get(key)!.length, "pair")} ${where} lose packets, up to ${formatLoss(worstOf(pairs)!.ratio)}.`,
        pair: named(grid, worstOf(pairs)!),
      };
    }),
    rest: losing.filter((p) => !told.some(([key]) => key === zoneKey(p))),
  };
}

function linkNotes(grid: MeshGrid, losses: PairLosses, losing: readonly PairLoss[]): Note[] {
  const links = [...Map.groupBy(losing, (p) => `${Math.min(p.from, p.to)} ${Math.max(p.from, p.to)}`).values()].sort(
    (a, b) => worstOf(b)!.ratio - worstOf(a)!.ratio,
  );
  const notes: Note[] = links.slice(0, LINKS_TOLD).map((pairs) => {
    const worst = worstOf(pairs)!;
    const both = pairs.length > 1;
    const told = both ? pairs.find((p) => p.from < p.to)! : worst;
    const { source, destination } = named(grid, told);
    const died = losses.udpDirection(told.from, told.to);
    const direction =
      died === undefined
        ? ""
        : died === "both"
          ? "; UDP lost packets both ways"
          : `; UDP lost them on the way ${died === "there" ? `${source} → ${destination}` : `${destination} → ${source}`}`;
    const { lost, of, on, measured } = losses.pool(pairs);
    const where =
      on.length < measured
        ? ` on ${listed(on)} only (${lost} of ${of})`
        : ` (${lost} of ${of} on ${measured === 1 ? on[0]! : "all paths"})`;
    return {
      text: `${source} ${both ? "↔" : "→"} ${destination} loses ${formatLoss(lost / of)}${where}${direction}.`,
      pair: { source, destination },
    };
  });
  const more = links.slice(LINKS_TOLD);
  if (more.length > 0)
    notes.push({
      text: `${counted(more.length, "more link")} lose${more.length === 1 ? "s" : ""} less.`,
      pair: named(grid, worstOf(more[0]!)!),
    });
  return notes;
}

const worstOf = (pairs: readonly PairLoss[]): PairLoss | undefined =>
  pairs.reduce<PairLoss | undefined>((worst, p) => (worst && worst.ratio >= p.ratio ? worst : p), undefined);

const named = (grid: MeshGrid, { from, to }: PairLoss) => ({
  source: grid.nodes[from]!.name,
  destination: grid.nodes[to]!.name,
});
