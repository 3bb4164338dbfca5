// The first thing a person reads, on the page and in the terminal: how many pairs lose packets, what they have in
// common, and what else the snapshot knows. Says only what the snapshot shows; why it is so is the judge's word. Pure.
import { counted, listed } from "../../base/format.ts";
import { agentNotes, missingNotes, relayNotes } from "./agent-notes.ts";
import { lossNotes } from "./loss-notes.ts";
import type { MeshGrid } from "./mesh-grid.ts";
import type { Note } from "./note.ts";
import { PairLosses } from "./pair-losses.ts";
import { mtuNotes, refusalNotes } from "./path-notes.ts";
import { failingServicePaths, serviceNotes } from "./service-notes.ts";

export type MeshState = "waiting" | "fine" | "losing" | "broken";

export interface Summary {
  readonly state: MeshState;
  readonly headline: string;
  readonly notes: readonly Note[];
  /** Something does not work: a row is missing, a pair loses more than the alerts allow, large packets vanish, a service path fails. */
  readonly isFault: boolean;
}

/** From this loss on a pair is a fault: that of the alerts (3%). */
export const FAULT_RATIO = 0.03;

export function summarize(grid: MeshGrid): Summary {
  const pairs = new PairLosses(grid);
  const { judged } = pairs;
  const losses = lossNotes(grid, pairs);
  const notes = [
    ...losses.notes,
    ...refusalNotes(grid),
    ...mtuNotes(grid),
    ...serviceNotes(grid),
    ...missingNotes(grid, losses.silentNodes),
    ...relayNotes(grid),
    ...agentNotes(grid),
  ];
  const isServiceFailing = failingServicePaths(grid).length > 0;
  if (judged.length === 0)
    return {
      state: "waiting",
      headline: "No pair has been measured yet.",
      notes,
      isFault: grid.missing.size > 0 || isServiceFailing,
    };
  const losing = judged.filter((pair) => pair.ratio > 0);
  const isBroken = losing.some((pair) => pair.ratio === 1);
  const isVanishing = grid.snapshot.rows.some((row) => row.pathMtu.some((m) => m.shortfallBytes > 0));
  return {
    state: isBroken ? "broken" : losing.length > 0 || grid.missing.size > 0 ? "losing" : "fine",
    headline: headlineOf(grid, judged.length, losing.length),
    notes,
    isFault:
      grid.missing.size > 0 || isVanishing || isServiceFailing || losing.some((pair) => pair.ratio > FAULT_RATIO),
  };
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
