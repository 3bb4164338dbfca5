// What agents tell of themselves and of each other: rows that did not come, or by way of others; peers that are not
// probed; protocols that could not be opened; an agent that hears nothing or cannot keep up. Pure.
import { counted, formatAge, listed } from "../../base/format.ts";
import { hourOf } from "../../base/span.ts";
import { UNPROBED_WAITS } from "../../model/unprobed.ts";
import type { MeshGrid } from "./mesh-grid.ts";
import type { Note } from "./note.ts";

const ROWS_TOLD = 4;
const NAMES_TOLD = 8;
const FAULTS_TOLD = 6;

/** Each with its reason while they are few; the labels of the matrix carry all of them. */
export function missingNotes(grid: MeshGrid, told: readonly string[]): Note[] {
  const rest = grid.snapshot.missing.filter(({ node }) => !told.includes(node.name));
  if (rest.length <= ROWS_TOLD)
    return rest.map(({ node, reason }) => ({ text: `No row from ${node.name}: ${reason}.` }));
  const { node, reason } = rest[0]!;
  return [
    { text: `No row from ${names(rest.map((row) => row.node.name))}; of ${node.name}, for instance: ${reason}.` },
  ];
}

export function relayNotes({ snapshot }: MeshGrid): Note[] {
  const relayed = snapshot.relayed ?? [];
  if (relayed.length <= ROWS_TOLD)
    return relayed.map(({ node, by, reason }) => ({
      text: `The row of ${node.name} came by way of ${listed(by)}, since ${snapshot.by.name} cannot get it itself: ${reason}.`,
      pair: { source: snapshot.by.name, destination: node.name },
    }));
  const { node, reason } = relayed[0]!;
  return [
    {
      text: `The rows of ${names(relayed.map((row) => row.node.name))} came by way of others; that of ${node.name}, for instance: ${reason}.`,
    },
  ];
}

/** A minute that was begun before the stretch is told whole. */
const WHOLE_MS = 60_000;

/** Of the past an agent knows an hour, and nothing from before it started. */
export function partialNotes({ snapshot: { rows, span } }: MeshGrid): Note[] {
  if (!span) return [];
  const later = rows.filter(
    ({ covered }) => covered !== undefined && Date.parse(covered.since) - Date.parse(span.since) >= WHOLE_MS,
  );
  const groups = Map.groupBy(later, ({ covered }) => hourOf(covered!.since));
  return [...groups]
    .sort(([, a], [, b]) => b.length - a.length)
    .slice(0, ROWS_TOLD)
    .map(([from, who]) => ({
      text: `Of this time ${names(who.map(({ source }) => source.name))} ${who.length === 1 ? "knows" : "know"} nothing before ${from} UTC: an agent keeps the hour before now, from its start on.`,
    }));
}

/** A mesh in a rollout: what only newer agents know. */
function leftOutNotes({ snapshot: { rows } }: MeshGrid): Note[] {
  const newer = rows.filter(({ leftOut = [] }) => leftOut.length > 0);
  if (newer.length === 0) return [];
  const what = [...new Set(newer.flatMap(({ leftOut = [] }) => leftOut))].toSorted();
  return [
    {
      text: `Left out, as it is not known here: ${listed(what)}, told by ${names(newer.map(({ source }) => source.name))} (internode ${listed([...new Set(newer.map(({ version }) => version))])}). Use the internode of that release.`,
    },
  ];
}

export function agentNotes(grid: MeshGrid): Note[] {
  return [
    ...leftOutNotes(grid),
    ...unavailableNotes(grid),
    ...unprobedNotes(grid),
    ...unusableNotes(grid),
    ...membershipNotes(grid),
    ...troubleNotes(grid),
    ...turnedAwayNotes(grid),
  ];
}

function unavailableNotes({ snapshot }: MeshGrid): Note[] {
  const faults = snapshot.rows.flatMap((row) => row.health.unavailable.map((u) => ({ ...u, name: row.source.name })));
  return [...Map.groupBy(faults, (f) => `${f.protocol.toUpperCase()} on the ${f.network} network: ${f.reason}`)].map(
    ([what, who]) => ({ text: `${names(who.map((w) => w.name))} cannot measure ${what}.` }),
  );
}

/** What passes by itself within a minute is told where the pair is looked at, and not here. */
function unprobedNotes({ snapshot }: MeshGrid): Note[] {
  const faults = snapshot.rows.flatMap((row) =>
    (row.unprobed ?? [])
      .filter(({ reason }) => !(UNPROBED_WAITS as readonly string[]).includes(reason))
      .map((fault) => ({ ...fault, source: row.source.name })),
  );
  const same = [
    ...Map.groupBy(
      faults,
      (f) => `${f.destination.name}${f.network === undefined ? "" : ` on the ${f.network} network`}: ${f.text}`,
    ),
  ].sort(([, a], [, b]) => b.length - a.length);
  const notes = same.slice(0, FAULTS_TOLD).map(([what, by]): Note => {
    const who = by.length === 1 ? `${by[0]!.source} does not` : `${counted(by.length, "node")} do not`;
    return { text: `${who} probe ${what}.`, pair: { source: by[0]!.source, destination: by[0]!.destination.name } };
  });
  const more = same.slice(FAULTS_TOLD);
  if (more.length === 0) return notes;
  const peers = [...new Set(more.map(([, [first]]) => first!.destination.name))];
  return [...notes, { text: `Not probed either, by some node: ${names(peers)}.` }];
}

function unusableNotes({ snapshot }: MeshGrid): Note[] {
  const unusable = snapshot.unusable ?? [];
  const notes = unusable
    .slice(0, ROWS_TOLD)
    .map((why): Note => ({ text: `Discovery lists what can be no peer: ${why}.` }));
  const more = unusable.length - ROWS_TOLD;
  return more > 0
    ? [...notes, { text: `Discovery lists ${counted(more, "more endpoint")} that can be no peer.` }]
    : notes;
}

/** Agents that know more or fewer nodes than most. In the first minute of an agent that is not told. */
function membershipNotes({ snapshot }: MeshGrid): Note[] {
  const told = snapshot.rows.flatMap((row) => (row.extent === undefined ? [] : [{ row, nodes: row.extent.nodes }]));
  const sizes = told.map(({ nodes }) => nodes).sort((a, b) => a - b);
  const most = sizes[Math.floor(sizes.length / 2)];
  const isSettled = (row: { readonly at: string; readonly startedAt: string }) =>
    Date.parse(row.at) - Date.parse(row.startedAt) > 60_000;
  const off = told.filter(({ row, nodes }) => nodes !== most && isSettled(row));
  return off.slice(0, ROWS_TOLD).map(({ row, nodes }) => ({
    text: `${row.source.name} knows ${counted(nodes, "node")}, where most agents know ${most}: its discovery is behind, or theirs.`,
  }));
}

/** Discovery that was last heard of longer ago is told: a watch that idles is renewed sooner. */
const DISCOVERY_OLD_S = 600;

/** How far an agent's numbers can be trusted. */
function troubleNotes({ snapshot }: MeshGrid): Note[] {
  const notes = snapshot.rows.flatMap(({ source, health }): Note[] => {
    const { localErrors, probesSkipped, clockSteps, discoveryAgeSeconds } = health;
    const troubles = [
      localErrors > 0 ? `its machine refused to send ${counted(localErrors, "probe")}` : "",
      probesSkipped > 0 ? `it came too late for ${counted(probesSkipped, "probe")}` : "",
      clockSteps > 0 ? `its clock stepped ${clockSteps === 1 ? "once" : `${clockSteps} times`}` : "",
      discoveryAgeSeconds > DISCOVERY_OLD_S
        ? `it has heard nothing from discovery for ${formatAge(discoveryAgeSeconds * 1_000)}`
        : "",
    ].filter((trouble) => trouble !== "");
    return troubles.length === 0 ? [] : [{ text: `Of ${source.name} in the last minute: ${listed(troubles)}.` }];
  });
  const more = notes.length - ROWS_TOLD;
  return more > 1
    ? [...notes.slice(0, ROWS_TOLD), { text: `${counted(more, "more agent")} tell of such things.` }]
    : notes;
}

/** What the answering end of UDP turns away for these reasons looks like loss to whoever sent it. */
const TURNED_AWAY = { key: "with another key", checksum: "damaged on the way", version: "of another version" } as const;

/** Counted since an agent started, so it is told only while somebody loses UDP packets to it. */
function turnedAwayNotes(grid: MeshGrid): Note[] {
  return grid.nodes.flatMap((node, to): Note[] => {
    const counts = grid.row(node.name)?.health.reflector;
    const why = Object.entries(TURNED_AWAY).flatMap(([result, words]) => {
      const n = counts?.[result as keyof typeof TURNED_AWAY] ?? 0;
      return n > 0 ? [`${n.toLocaleString("en")} ${words}`] : [];
    });
    const from = why.length === 0 ? undefined : udpLoser(grid, to);
    if (from === undefined) return [];
    return [
      {
        text: `${node.name} has turned away UDP packets since it started: ${listed(why)}. They look like loss to whoever sent them.`,
        pair: { source: from, destination: node.name },
      },
    ];
  });
}

function udpLoser(grid: MeshGrid, to: number): string | undefined {
  const udp = grid.paths.flatMap(({ protocol }, path) => (protocol === "udp" ? [path] : []));
  const from = grid.nodes.findIndex((_, i) => udp.some((path) => (grid.reading(path, i, to)?.failures ?? 0) > 0));
  return grid.nodes[from]?.name;
}

const names = (all: readonly string[]): string => listed(all, NAMES_TOLD);
