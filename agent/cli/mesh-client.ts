// How commands reach an agent's API: through a local port (the demo's, or a kubectl port-forward).
import { request } from "undici";
import { forText } from "../base/escape.ts";
import { codeOf, reasonOf } from "../mesh/connection-errors.ts";
import type { Verdict } from "../model/finding.ts";
import { SCHEMA_VERSION, type Row, type Snapshot } from "../model/snapshot.ts";
import { parseVerdict } from "../peers/finding-schema.ts";
import { withoutUnknown } from "../peers/newer.ts";
import { otherDocument } from "../peers/schema.ts";
import { Progress } from "./progress.ts";

export const DEFAULT_URL = "http://127.0.0.1:8843";
const SILENCE_MS = 10_000;

/** The agent could not be asked; the message says what was tried and what would help. */
export class AgentUnreachable extends Error {
  /** Nothing listens there at all. */
  nobodyThere = false;
}

/** Of the mesh now, or since a time of the last hour. */
export const meshPath = (since: string | undefined): string =>
  `/api/v1/mesh${since === undefined ? "" : `?${new URLSearchParams({ since }).toString()}`}`;

export const NO_PAST = "is of an older release and keeps no past: finish the upgrade, or leave out --since";

/** One snapshot of the mesh. Rejects with AgentUnreachable. */
export async function fetchSnapshot(url: string, signal: AbortSignal, since?: string): Promise<Snapshot> {
  using progress = new Progress();
  progress.step(`asking the agent at ${url}`);
  const body = await fetchJson(new URL(meshPath(since), url), signal);
  const { schemaVersion: version, rows: said, nodes, missing } = (body ?? {}) as Partial<Snapshot>;
  if (typeof version === "number" && version !== SCHEMA_VERSION)
    throw new AgentUnreachable(`${url}: ${otherDocument(version)}`);
  if (version === undefined || ![said, nodes, missing].every(Array.isArray))
    throw new AgentUnreachable(`what answers at ${url} is no internode agent: correct --url`);
  // The document comes from an agent of ours; its rows were validated there, by the words of its release.
  const snapshot = body as Snapshot;
  if (since !== undefined && snapshot.span === undefined) throw new AgentUnreachable(`the agent at ${url} ${NO_PAST}`);
  const rows = snapshot.rows.map((one) => {
    const { row, leftOut } = withoutUnknown(one);
    return leftOut.length === 0 ? one : { ...(row as Row), leftOut };
  });
  return { ...snapshot, rows };
}

/** A judge's word by way of this agent; undefined where it serves none (an older agent). */
export async function fetchVerdict(url: string, signal: AbortSignal): Promise<Verdict | undefined> {
  try {
    return parseVerdict(await fetchJson(new URL("/api/v1/verdict", url), signal));
  } catch (err) {
    if (signal.aborted) throw err;
    return undefined;
  }
}

async function fetchJson(url: URL, signal: AbortSignal): Promise<unknown> {
  let status: number;
  let text: string;
  try {
    const response = await request(url, { signal, headersTimeout: SILENCE_MS, bodyTimeout: SILENCE_MS });
    status = response.statusCode;
    text = await response.body.text();
  } catch (err) {
    if (signal.aborted) throw err;
    throw unreachable(url, err as Error);
  }
  if (status !== 200)
    throw new AgentUnreachable(`${url.href} answered ${status}: ${forText(text.slice(0, 300).trim())}`);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new AgentUnreachable(`${url.href} answered something that is no JSON; is this an internode agent?`);
  }
}

const SILENT = /^UND_ERR_(HEADERS|BODY)_TIMEOUT$/;

/** Why a request to an agent came to nothing, and what helps. */
export function unreachable(url: URL, err: Error): AgentUnreachable {
  const code = codeOf(err);
  if (SILENT.test(code ?? ""))
    return new AgentUnreachable(
      `the agent at ${url.origin} took the connection and did not answer within ${SILENCE_MS / 1_000} s: it is overloaded, or something else listens there`,
    );
  const nobody = new AgentUnreachable(
    `no agent answers at ${url.origin} (${forText(reasonOf(err))}). Start 'npm start', or in a cluster: kubectl -n internode port-forward daemonset/internode 8843`,
  );
  nobody.nobodyThere = code === "ECONNREFUSED";
  return nobody;
}
