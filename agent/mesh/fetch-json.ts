// A small HTTP client for peers: bounded in time and size, no redirects, no connection kept.
import type { Agent } from "undici";
import type { FetchJson } from "./identity.ts";

const TIMEOUT_MS = 3_000;
const MAX_BYTES = 2 * 1024 * 1024;

export interface JsonClient extends AsyncDisposable {
  readonly fetchJson: FetchJson;
}

export function createJsonClient(): JsonClient {
  // undici takes 12 MB of memory (measured, 8.12): it is loaded when the first peer is asked, which a static mesh may never do.
  let dispatcher: Promise<Agent> | undefined;
  const agent = () =>
    (dispatcher ??= import("undici").then(
      (undici) =>
        new undici.Agent({
          allowH2: false,
          pipelining: 0,
          connect: { timeout: TIMEOUT_MS },
          headersTimeout: TIMEOUT_MS,
          bodyTimeout: TIMEOUT_MS,
          maxResponseSize: MAX_BYTES,
        }),
    ));
  return {
    async fetchJson(url, signal) {
      const response = await (
        await agent()
      ).request({
        origin: new URL(url).origin,
        path: new URL(url).pathname,
        method: "GET",
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      if (response.statusCode !== 200) {
        await response.body.dump();
        throw new Error(`GET ${url}: status ${response.statusCode}`);
      }
      return response.body.json();
    },
    async [Symbol.asyncDispose]() {
      await (await dispatcher)?.destroy();
    },
  };
}
