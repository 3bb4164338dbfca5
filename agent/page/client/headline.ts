// The first thing a person reads: how many pairs lose packets, and what they have in common. Says only what the
// snapshot shows; why it is so is diagnosis' word. Pure.
import { counted, formatLoss, listed } from "./format.ts";
import { PairLosses, type PairLoss } from "./pair-losses.ts";
import type { MeshGrid } from "./mesh-grid.ts";

export type MeshState = "waiting" | "fine" | "losing" | "broken";

/** One observation; with `pair`, the pair that shows it best. */
export interface Note {
  readonly text: string;
  readonly pair?: { readonly source: string; readonly destination: string };
}

export interface Summary {
  readonly state: MeshState;
  readonly headline: string;
  readonly notes: readonly Note[];
}

/** From this loss on a pair counts towards a pattern: that of the alerts (3%). */
const PATTERN_RATIO = 0.03;
/** Share of a node's or zone pair's pairs that makes it their pattern. */
const PATTERN_SHARE = 0.6;
const LINKS_TOLD = 5;
const NODES_TOLD = 4;
const ROWS_TOLD = 4;

export function summarize(grid: MeshGrid): Summary {
  const losses = new PairLosses(grid);
  const { judged } = losses;
  if (judged.length === 0)
    return { state: "waiting", headline: "No pair has been measured yet.", notes: missingNotes(grid, []) };

  const losing = judged.filter((pair) => pair.ratio > 0);
  const badNodes = patternNodes(grid, losses);
  const unexplained = losing.filter((p) => !badNodes.includes(p.from) && !badNodes.includes(p.to));
  const zones = zonePairNotes(grid, judged, unexplained);
  const notes = [
    ...nodeNotes(grid, losses, badNodes),
    ...zones.notes,
    ...linkNotes(grid, losses, zones.rest),
    ...refusalNotes(grid),
    ...mtuNotes(grid),
    ...missingNotes(
      grid,
      badNodes.map((i) => grid.nodes[i]!.name),
    ),
    ...unavailableNotes(grid),
  ];
  const broken = losing.some((pair) => pair.ratio === 1);
  const state: MeshState = broken ? "broken" : losing.length > 0 || grid.missing.size > 0 ? "losing" : "fine";
  return { state, headline: headlineOf(grid, judged.length, losing.length), notes };
}

function headlineOf(grid: MeshGrid, judged: number, losing: number): string {
  const names = [...grid.missing.keys()];
  const missing =
    names.length === 0
      ? ""
      : `the ${names.length === 1 ? "row" : "rows"} of ${listed(names)} ${names.length === 1 ? "is" : "are"} missing`;
  if (losing > 0)
    return `${losing.toLocaleString("en")} of ${counted(judged, "pair")} lost packets in the last minute.${missing && ` ${missing[0]!.toUpperCase()}${missing.slice(1)}.`}`;
  if (missing) return `The ${counted(judged, "pair")} that we know of lost nothing in the last minute, but ${missing}.`;
  return `${judged === 1 ? "The one pair" : `All ${counted(judged, "pair")}`} between ${counted(grid.nodes.length, "node")} lost nothing in the last minute.`;
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
  const reason = grid.missing.get(name);
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

function refusalNotes(grid: MeshGrid): Note[] {
  return grid.pathNames.flatMap((pathName, p) =>
    grid.nodes.flatMap((destination, to) => {
      const sources = grid.nodes.filter((_, from) => from !== to && (grid.reading(p, from, to)?.refusals ?? 0) > 0);
      if (sources.length === 0) return [];
      const who = sources.length === 1 ? sources[0]!.name : counted(sources.length, "node");
      return [
        {
          text: `${destination.name} refuses ${pathName} from ${who}: the host answers, the port is closed. Not loss.`,
          pair: { source: sources[0]!.name, destination: destination.name },
        },
      ];
    }),
  );
}

function mtuNotes({ snapshot }: MeshGrid): Note[] {
  const short = snapshot.rows.flatMap((row) =>
    row.pathMtu.filter((m) => m.shortfallBytes > 0).map((m) => ({ ...m, source: row.source })),
  );
  const notes: Note[] = short.slice(0, LINKS_TOLD).map((m) => ({
    text: `Packets over ${m.passesBytes} bytes from ${m.source.name} to ${m.destination.name} vanish on the ${m.network} network; the kernel believes in ${m.passesBytes + m.shortfallBytes}.`,
    pair: { source: m.source.name, destination: m.destination.name },
  }));
  if (short.length > LINKS_TOLD)
    notes.push({ text: `Large packets vanish on ${counted(short.length - LINKS_TOLD, "more pair")}.` });
  return notes;
}

/** Each with its reason while they are few; the labels of the matrix carry all of them. */
function missingNotes(grid: MeshGrid, told: readonly string[]): Note[] {
  const rest = grid.snapshot.missing.filter(({ node }) => !told.includes(node.name));
  if (rest.length <= ROWS_TOLD)
    return rest.map(({ node, reason }) => ({ text: `No row from ${node.name}: ${reason}.` }));
  const { node, reason } = rest[0]!;
  return [
    {
      text: `No row from ${listed(
        rest.map((row) => row.node.name),
        8,
      )}; of ${node.name}, for instance: ${reason}.`,
    },
  ];
}

function unavailableNotes({ snapshot }: MeshGrid): Note[] {
  const faults = snapshot.rows.flatMap((row) => row.health.unavailable.map((u) => ({ ...u, name: row.source.name })));
  return [...Map.groupBy(faults, (f) => `${f.protocol.toUpperCase()} on the ${f.network} network: ${f.reason}`)].map(
    ([what, who]) => ({
      text: `${listed(
        who.map((w) => w.name),
        8,
      )} cannot measure ${what}.`,
    }),
  );
}

const worstOf = (pairs: readonly PairLoss[]): PairLoss | undefined =>
  pairs.reduce<PairLoss | undefined>((worst, p) => (worst && worst.ratio >= p.ratio ? worst : p), undefined);

const named = (grid: MeshGrid, { from, to }: PairLoss) => ({
  source: grid.nodes[from]!.name,
  destination: grid.nodes[to]!.name,
});
