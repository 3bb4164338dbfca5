// The whole mesh at one moment: every agent's row by fan-out, gathered once for all who ask at the same time and
// kept for a second. Rows are held as the JSON they came as (checked), deflated to a tenth, and written out one after
// the other: to look at a thousand nodes must not cost an agent the memory that its limit is made for.
import { promisify } from "node:util";
import { constants, deflateRaw, inflateRawSync } from "node:zlib";
import { inDisplayOrder } from "../model/order.ts";
import type { Node } from "../model/peer.ts";
import { SCHEMA_VERSION, type MissingRow, type Relayed, type Snapshot } from "../model/snapshot.ts";
import type { RowAnswer, Rows } from "../peers/rows.ts";
import type { OwnRow } from "./own-row.ts";
import type { AgentView } from "./agent-view.ts";
import type { PeerApi } from "../peers/peer-api.ts";

export interface MeshViewOptions {
  readonly sources: Pick<AgentView, "node" | "peers" | "peerApis" | "unusable">;
  readonly ownRow: Pick<OwnRow, "give">;
  readonly rows: Pick<Rows, "ask">;
  /** Requests under way at once. */
  readonly concurrency: number;
  /** A snapshot younger than this is given again. */
  readonly freshMs: number;
}

export const MESH_VIEW_DEFAULTS = { concurrency: 16, freshMs: 1_000 } as const;

/** In the thread pool: a row of a hundred peers takes a millisecond. */
const deflated = promisify(deflateRaw) as (json: Buffer, options: { readonly level: number }) => Promise<Buffer>;

/** With nobody asking for this long the snapshot's memory is given back. */
const FORGET_AFTER_MS = 10_000;

export class MeshSnapshot {
  readonly at: string;
  readonly by: Node;
  readonly nodes: readonly Node[];
  readonly missing: readonly MissingRow[];
  readonly relayed: readonly Relayed[];
  readonly unusable: readonly string[];
  /** JSON of the rows in the order of `nodes`, deflated. */
  readonly #rows: readonly Buffer[];

  constructor(
    parts: Pick<MeshSnapshot, "at" | "by" | "nodes" | "missing" | "relayed" | "unusable"> & {
      readonly rows: readonly Buffer[];
    },
  ) {
    this.at = parts.at;
    this.by = parts.by;
    this.nodes = parts.nodes;
    this.missing = parts.missing;
    this.relayed = parts.relayed;
    this.unusable = parts.unusable;
    this.#rows = parts.rows;
  }

  /** The document of /api/v1/mesh, in pieces. No piece holds a line break that is not the peer's own white space. */
  *json(): Generator<Buffer> {
    const head = JSON.stringify(this.#head());
    yield Buffer.from(`${head.slice(0, -1)},"rows":[`);
    for (const [i, row] of this.#rows.entries()) {
      if (i > 0) yield Buffer.from(",");
      yield inflateRawSync(row);
    }
    yield Buffer.from("]}");
  }

  #head(): Omit<Snapshot, "rows"> {
    const { at, by, nodes, missing, relayed, unusable } = this;
    return {
      schemaVersion: SCHEMA_VERSION,
      at,
      by,
      nodes,
      missing,
      ...(relayed.length > 0 && { relayed }),
      ...(unusable.length > 0 && { unusable }),
    };
  }
}

/** An answer as a snapshot keeps it: of a row the JSON, deflated. */
type Kept =
  | { readonly kind: "row"; readonly json: Buffer; readonly relayed?: Relayed | undefined }
  | Pick<Extract<RowAnswer, { kind: "missing" }>, "kind" | "reason" | "hearsay">;

export class MeshView implements Disposable {
  readonly #options: MeshViewOptions;
  #underWay: Promise<MeshSnapshot> | undefined;
  #latest: { readonly snapshot: MeshSnapshot; readonly takenMs: number } | undefined;
  #forget: NodeJS.Timeout | undefined;

  constructor(options: MeshViewOptions) {
    this.#options = options;
  }

  async snapshot(): Promise<MeshSnapshot> {
    if (this.#latest && performance.now() - this.#latest.takenMs < this.#options.freshMs) return this.#latest.snapshot;
    this.#underWay ??= this.#gather().finally(() => (this.#underWay = undefined));
    return this.#underWay;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#forget);
    this.#latest = undefined;
  }

  async #gather(): Promise<MeshSnapshot> {
    const { sources } = this.#options;
    const apis = sources.peerApis();
    const reached = new Set(apis.map(({ node }) => node.name));
    const nodes = inDisplayOrder([sources.node, ...sources.peers().map(({ node }) => node)]);
    const answers = new Map<string, Kept>([[sources.node.name, await this.#own()]]);
    for (const { node } of sources.peers()) {
      if (!reached.has(node.name))
        answers.set(node.name, { kind: "missing", reason: "discovery gives no address for it" });
    }
    await this.#askAll(apis, answers);

    const rows: Buffer[] = [];
    const missing: MissingRow[] = [];
    const relayed: Relayed[] = [];
    for (const node of nodes) {
      const answer = answers.get(node.name);
      if (answer?.kind === "row") {
        rows.push(answer.json);
        if (answer.relayed !== undefined) relayed.push(answer.relayed);
      } else if (answer !== undefined) {
        const { reason, hearsay } = answer;
        missing.push({ node, reason, ...(hearsay !== undefined && { hearsay }) });
      } else missing.push({ node, reason: "it joined the mesh while this snapshot was taken" });
    }
    const at = new Date().toISOString();
    const unusable = sources.unusable();
    const snapshot = new MeshSnapshot({ at, by: sources.node, nodes, missing, relayed, unusable, rows });
    this.#latest = { snapshot, takenMs: performance.now() };
    clearTimeout(this.#forget);
    this.#forget = setTimeout(() => (this.#latest = undefined), FORGET_AFTER_MS).unref();
    return snapshot;
  }

  async #own(): Promise<Kept> {
    const { json } = this.#options.ownRow.give({ detail: "window" });
    return { kind: "row", json: await thin(json) };
  }

  async #askAll(apis: readonly PeerApi[], answers: Map<string, Kept>): Promise<void> {
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let api = apis[next++]; api !== undefined; api = apis[next++]) {
        const answer = await this.#options.rows.ask(api, { detail: "window" });
        answers.set(
          api.node.name,
          answer.kind === "row" ? { kind: "row", json: await thin(answer.json), relayed: answer.relayed } : answer,
        );
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.#options.concurrency, apis.length) }, worker));
  }
}

const thin = (json: Buffer): Promise<Buffer> => deflated(json, { level: constants.Z_BEST_SPEED });
