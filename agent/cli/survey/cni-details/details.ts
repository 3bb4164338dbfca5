// What a CNI says of itself in objects of the cluster: tables, what is wrong by its own word, and what could not be seen.
import type { V1Node } from "@kubernetes/client-node";
import { whyNot, type Objects, type Reading } from "../../cluster/objects.ts";
import type { Block } from "../../report/report.ts";
import type { CniSigns } from "../cni-table.ts";

export interface Details {
  readonly blocks: readonly Block[];
  readonly faults: readonly string[];
  readonly unseen: readonly string[];
  /** The same for programs. */
  readonly data: object;
}

export interface DetailsSources {
  readonly objects: Objects;
  readonly signs: CniSigns;
}

export type DetailsOf = (sources: DetailsSources) => Promise<Details>;

export const NOTHING: Details = { blocks: [], faults: [], unseen: [], data: {} };

export const annotationsOf = ({ metadata }: V1Node): Readonly<Record<string, string>> => metadata?.annotations ?? {};
export const nameOf = ({ metadata }: { readonly metadata?: { readonly name?: string } }): string =>
  metadata?.name ?? "";

/** A line for each kind that could not be read, with the rule that would allow it. What is not installed is no gap. */
export const gaps = (readings: Readonly<Record<string, Reading<unknown>>>): string[] =>
  Object.entries(readings).flatMap(([what, reading]) =>
    reading.kind === "forbidden" || reading.kind === "failed" ? [`${what} were not seen: ${whyNot(reading)}`] : [],
  );

export const yesNo = (flag: boolean | undefined): string => (flag === undefined ? "" : flag ? "yes" : "no");
/** Of a field that may be anything. */
export const words = (value: unknown): string =>
  value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);
