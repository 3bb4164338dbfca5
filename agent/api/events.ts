// /api/v1/mesh/events: snapshots as server-sent events. Gathers only while someone listens, once for all of them,
// and less often when gathering is slow; a listener that does not read is skipped, then dropped.
import type { Response } from "express";
import { once } from "node:events";
import type { Writable } from "node:stream";
import { constants, createGzip } from "node:zlib";
import type { MeshSnapshot } from "./mesh-view.ts";

export interface MeshEventsOptions {
  readonly snapshot: () => Promise<MeshSnapshot>;
  readonly maxClients: number;
  readonly intervalMs: number;
  readonly heartbeatMs: number;
  /** A listener whose connection has taken nothing for this long is dropped. */
  readonly stallMs: number;
  readonly log: { error(details: object, message: string): void };
}

export const MESH_EVENTS_DEFAULTS = { maxClients: 16, intervalMs: 2_000, heartbeatMs: 5_000, stallMs: 30_000 } as const;

/** Gathering may take at most this share of the time: a mesh that takes 2 s to gather is shown every 4 s. */
const GATHER_SHARE = 0.5;

interface Client {
  readonly response: Response;
  /** The response itself, or the compressor in front of it. */
  readonly out: Writable;
  /** Since when a snapshot is being written, row by row as the connection takes it. */
  writingSinceMs: number | undefined;
  /** Aborted when it has left: whoever waits for its connection stops. */
  readonly left: AbortController;
}

export class MeshEvents implements Disposable {
  readonly #options: MeshEventsOptions;
  readonly #clients = new Set<Client>();
  #nextGather: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #event = 0;

  constructor(options: MeshEventsOptions) {
    this.#options = options;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Takes the response over, or answers 503 with the reason. Who wants the head only (HEAD) takes no place. */
  listen(response: Response, { gzip, headOnly }: { readonly gzip: boolean; readonly headOnly: boolean }): void {
    const { maxClients } = this.#options;
    if (this.#clients.size >= maxClients) {
      response
        .status(503)
        .set("Retry-After", "10")
        .json({
          error: `${maxClients} listeners follow this agent's snapshots already, which is its limit: close a page, or open the page of another node's agent`,
        });
      return;
    }
    response.writeHead(200, {
      "Content-Type": "text/event-stream; charset=utf-8",
      "Cache-Control": "no-store",
      "X-Accel-Buffering": "no",
      ...(gzip && { "Content-Encoding": "gzip" }),
    });
    if (headOnly) return void response.end();
    const client: Client = {
      response,
      out: gzip ? compressor(response) : response,
      writingSinceMs: undefined,
      left: new AbortController(),
    };
    this.#clients.add(client);
    response.on("close", () => this.#leave(client));
    response.on("error", () => this.#leave(client));
    client.out.write("retry: 2000\n\n");
    this.#heartbeat ??= setInterval(() => this.#beat(), this.#options.heartbeatMs);
    // The one who just came sees something at once; a fresh snapshot is given again, so this costs at most one gathering a second.
    this.#schedule(0);
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) {
      this.#leave(client);
      client.response.end();
    }
  }

  #leave(client: Client): void {
    if (!this.#clients.delete(client)) return;
    client.left.abort();
    client.out.destroy();
    if (this.#clients.size > 0) return;
    clearTimeout(this.#nextGather);
    clearInterval(this.#heartbeat);
    this.#nextGather = this.#heartbeat = undefined;
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#nextGather);
    this.#nextGather = setTimeout(() => void this.#send(), delayMs);
  }

  async #send(): Promise<void> {
    const startedMs = performance.now();
    try {
      const snapshot = await this.#options.snapshot();
      const id = (this.#event += 1);
      for (const client of this.#clients) {
        if (this.#isFree(client)) void write(client, id, snapshot);
      }
    } catch (err) {
      this.#options.log.error({ err }, "could not take a snapshot of the mesh for its listeners; trying again");
    }
    if (this.#clients.size === 0) return;
    const tookMs = performance.now() - startedMs;
    this.#schedule(Math.max(this.#options.intervalMs, tookMs / GATHER_SHARE) - tookMs);
  }

  /** A listener that still takes the last snapshot gets no further one; who takes none is dropped. */
  #isFree({ writingSinceMs, response }: Client): boolean {
    if (writingSinceMs === undefined) return true;
    if (performance.now() - writingSinceMs > this.#options.stallMs) response.destroy();
    return false;
  }

  #beat(): void {
    for (const client of this.#clients) {
      if (this.#isFree(client)) client.out.write(": heartbeat\n\n");
    }
  }
}

async function write(client: Client, id: number, snapshot: MeshSnapshot): Promise<void> {
  const { out, left } = client;
  client.writingSinceMs = performance.now();
  for (const part of event(id, snapshot)) {
    if (left.signal.aborted) return;
    // An abort is a listener that hung up in the middle: nothing is left to do for it.
    if (
      !out.write(part) &&
      !(await once(out, "drain", left).then(
        () => true,
        () => false,
      ))
    )
      return;
  }
  client.writingSinceMs = undefined;
}

function* event(id: number, snapshot: MeshSnapshot): Generator<Buffer> {
  yield Buffer.from(`id: ${id}\nevent: snapshot\ndata: `);
  yield* snapshot.json();
  yield Buffer.from("\n\n");
}

function compressor(response: Response): Writable {
  const gzip = createGzip({ level: 1, flush: constants.Z_SYNC_FLUSH });
  gzip.on("error", () => response.destroy());
  gzip.pipe(response);
  return gzip;
}
