// The whole mesh at one moment, now or in the last hour: every agent's row by fan-out, gathered once for all who ask at
// the same time and kept for a second; of the past, one after the other. Rows are held as the JSON they came as (checked), deflated to a tenth, and written out one after
// the other: to look at a thousand nodes must not cost an agent the memory that its limit is made for.
import { promisify } from "node:util";
import { constants, deflateRaw, inflateRawSync } from "node:zlib";
import { inTurn } from "../base/in-turn.ts";
import type { Span } from "../base/span.ts";
import { inDisplayOrder } from "../model/order.ts";
import type { Node } from "../model/peer.ts";
import { SCHEMA_VERSION, type MissingRow, type Relayed, type Snapshot } from "../model/snapshot.ts";
import type { RowAnswer, Rows } from "../peers/rows.ts";
import type { OwnRow } from "./own-row.ts";
import type { AgentView } from "./agent-view.ts";
import type { PeerApi, RowQuery } from "../peers/peer-api.ts";

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
  readonly span: Span | undefined;
  readonly by: Node;
  readonly nodes: readonly Node[];
  readonly missing: readonly MissingRow[];
  readonly relayed: readonly Relayed[];
  readonly unusable: readonly string[];
  /** JSON of the rows in the order of `nodes`, deflated. */
  readonly #rows: readonly Buffer[];

  constructor(
    parts: Pick<MeshSnapshot, "at" | "span" | "by" | "nodes" | "missing" | "relayed" | "unusable"> & {
      readonly rows: readonly Buffer[];
    },
  ) {
    this.at = parts.at;
    this.span = parts.span;
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
    const { at, span, by, nodes, missing, relayed, unusable } = this;
    return {
      schemaVersion: SCHEMA_VERSION,
      at,
      ...(span && { span }),
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

interface Taken {
  readonly snapshot: MeshSnapshot;
  readonly takenMs: number;
}

/** Snapshots that are kept: that of now, and one of the past. */
const KEPT_SNAPSHOTS = 2;

export class MeshView implements Disposable {
  readonly #options: MeshViewOptions;
  /** By the stretch of time that was asked for, the last one last. */
  readonly #underWay = new Map<string, Promise<MeshSnapshot>>();
  readonly #latest = new Map<string, Taken>();
  /** Ends with the last gathering of the past that was asked for. */
  #past: Promise<unknown> = Promise.resolve();
  #forget: NodeJS.Timeout | undefined;

  constructor(options: MeshViewOptions) {
    this.#options = options;
  }

  async snapshot(span?: Span): Promise<MeshSnapshot> {
    const key = span ? `${span.since} ${span.until}` : "";
    const latest = this.#latest.get(key);
    if (latest && performance.now() - latest.takenMs < this.#options.freshMs) return latest.snapshot;
    let underWay = this.#underWay.get(key);
    if (underWay === undefined) {
      underWay = this.#take(key, span).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, underWay);
    }
    return underWay;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#forget);
    this.#latest.clear();
  }

  async #take(key: string, span: Span | undefined): Promise<MeshSnapshot> {
    const gathered = span ? this.#past.then(() => this.#gather(span)) : this.#gather(undefined);
    if (span) this.#past = gathered.catch(() => {});
    const snapshot = await gathered;
    this.#latest.delete(key);
    this.#latest.set(key, { snapshot, takenMs: performance.now() });
    for (const oldest of this.#latest.keys()) {
      if (this.#latest.size <= KEPT_SNAPSHOTS) break;
      this.#latest.delete(oldest);
    }
    clearTimeout(this.#forget);
    this.#forget = setTimeout(() => this.#latest.clear(), FORGET_AFTER_MS).unref();
    return snapshot;
  }

  async #gather(span: Span | undefined): Promise<MeshSnapshot> {
    const { sources } = this.#options;
    const query: RowQuery = { detail: "window", ...(span && { span }) };
    const apis = sources.peerApis();
    const reached = new Set(apis.map(({ node }) => node.name));
    const nodes = inDisplayOrder([sources.node, ...sources.peers().map(({ node }) => node)]);
    const answers = new Map<string, Kept>([[sources.node.name, await this.#own(query)]]);
    for (const { node } of sources.peers()) {
      if (!reached.has(node.name))
        answers.set(node.name, { kind: "missing", reason: "discovery gives no address for it" });
    }
    await this.#askAll(apis, query, answers);

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
    return new MeshSnapshot({ at, span, by: sources.node, nodes, missing, relayed, unusable, rows });
  }

  async #own(query: RowQuery): Promise<Kept> {
    const { json } = this.#options.ownRow.give(query);
    return { kind: "row", json: await thin(json) };
  }

  async #askAll(apis: readonly PeerApi[], query: RowQuery, answers: Map<string, Kept>): Promise<void> {
    await inTurn(apis, this.#options.concurrency, async (api) => {
      const answer = await this.#options.rows.ask(api, query);
      answers.set(
        api.node.name,
        answer.kind === "row" ? { kind: "row", json: await thin(answer.json), relayed: answer.relayed } : answer,
      );
    });
  }
}

const thin = (json: Buffer): Promise<Buffer> => deflated(json, { level: constants.Z_BEST_SPEED });
