// What paths do besides losing: ports that are closed, large packets that vanish. Pure.
import { counted } from "../../base/format.ts";
import type { Node } from "../../model/peer.ts";
import type { PathMtu } from "../../model/snapshot.ts";
import type { MeshGrid } from "./mesh-grid.ts";
import type { Note } from "./note.ts";

const PATHS_TOLD = 5;

export function refusalNotes(grid: MeshGrid): Note[] {
  const notes = grid.pathNames.flatMap((pathName, p) =>
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
  const more = notes.length - PATHS_TOLD;
  if (more <= 1) return notes;
  return [...notes.slice(0, PATHS_TOLD), { text: `So do ${more} more nodes or paths.` }];
}

interface BlackHole extends PathMtu {
  readonly source: Node;
}

/** Both ways of a link are one note, and so are all links of a node. */
export function mtuNotes({ snapshot }: MeshGrid): Note[] {
  const holes: BlackHole[] = snapshot.rows.flatMap((row) =>
    row.pathMtu.filter((m) => m.shortfallBytes > 0).map((m) => ({ ...m, source: row.source })),
  );
  return [...Map.groupBy(holes, (hole) => hole.network).values()].flatMap((onOne) => {
    const hub = hubOf(onOne);
    return hub === undefined ? linkNotes(onOne) : [hubNote(hub, onOne)];
  });
}

const ends = ({ source, destination }: BlackHole): readonly string[] => [source.name, destination.name];

/** The node that all have at one end, when the other ends are several. */
function hubOf(holes: readonly BlackHole[]): string | undefined {
  const isLink = new Set(holes.flatMap(ends)).size <= 2;
  return isLink ? undefined : ends(holes[0]!).find((name) => holes.every((hole) => ends(hole).includes(name)));
}

function hubNote(hub: string, holes: readonly BlackHole[]): Note {
  const from = holes.filter(({ source }) => source.name === hub).length;
  const others = new Set(holes.flatMap(ends)).size - 1;
  const way = from === 0 ? ", towards it" : from === holes.length ? ", coming from it" : "";
  return {
    text: `${vanishing(holes)} between ${hub} and ${counted(others, "node")}${way}${where(holes)}`,
    pair: pairOf(holes[0]!),
  };
}

function linkNotes(holes: readonly BlackHole[]): Note[] {
  const links = [...Map.groupBy(holes, (hole) => ends(hole).toSorted().join(" ")).values()];
  const notes = links.slice(0, PATHS_TOLD).map((both): Note => {
    const { source, destination } = pairOf(both[0]!);
    const which =
      both.length > 1 ? `between ${source} and ${destination}, both ways` : `from ${source} to ${destination}`;
    return { text: `${vanishing(both)} ${which}${where(both)}`, pair: { source, destination } };
  });
  const more = links.length - PATHS_TOLD;
  return more > 0 ? [...notes, { text: `Large packets vanish on ${counted(more, "more link")}.` }] : notes;
}

const vanishing = (holes: readonly BlackHole[]): string =>
  `Packets over ${Math.min(...holes.map((hole) => hole.passesBytes))} bytes vanish`;

const where = (holes: readonly BlackHole[]): string =>
  `, on the ${holes[0]!.network} network; the kernel believes in ${Math.max(...holes.map((m) => m.passesBytes + m.shortfallBytes))}.`;

const pairOf = ({ source, destination }: BlackHole) => ({ source: source.name, destination: destination.name });
