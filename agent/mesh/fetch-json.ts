// A small HTTP client for peers: bounded in time and size, no redirects, no connection kept.
import type { Agent } from "undici";
import { codeOf, reasonOf } from "./connection-errors.ts";
import type { FetchJson } from "./identity.ts";

const TIMEOUT_MS = 3_000;
const MAX_BYTES = 2 * 1024 * 1024;

export interface JsonClient extends AsyncDisposable {
  readonly fetchJson: FetchJson;
}

export function createJsonClient(): JsonClient {
  // Loaded when the first peer is asked, which a static mesh may never do.
  let dispatcher: Promise<Agent> | undefined;
  const agent = () =>
    (dispatcher ??= import("../base/http-agent.ts").then(
      ({ Agent: HttpAgent }) =>
        new HttpAgent({
          allowH2: false,
          pipelining: 0,
          // Else undici makes a pool with a queue of 16 kB of each peer, and it is garbage after every answer.
          connections: 1,
          connect: { timeout: TIMEOUT_MS },
          headersTimeout: TIMEOUT_MS,
          bodyTimeout: TIMEOUT_MS,
          maxResponseSize: MAX_BYTES,
        }),
    ));
  return {
    async fetchJson(url, signal) {
      try {
        const { origin, pathname } = new URL(url);
        const patience = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
        const request = { origin, path: pathname, method: "GET" as const, signal: patience };
        const { statusCode, body } = await (await agent()).request(request);
        if (statusCode === 200) return await body.json();
        await body.dump();
        throw new Error(`it answered with status ${statusCode}`);
      } catch (err) {
        throw new Error(`${new URL(url).host}: ${inWords(err as Error)}`, { cause: err });
      }
    },
    async [Symbol.asyncDispose]() {
      await (await dispatcher)?.destroy();
    },
  };
}

function inWords(err: Error): string {
  const code = codeOf(err) ?? "";
  if (err.name === "TimeoutError" || /TIMEOUT|ETIMEDOUT/.test(code)) return `no answer within ${TIMEOUT_MS / 1_000} s`;
  if (code === "ECONNREFUSED") return "nothing listens there";
  if (/^E(HOST|NET)UNREACH$/.test(code)) return `there is no way there (${code})`;
  if (err instanceof SyntaxError) return `its answer is not JSON: ${err.message}`;
  return reasonOf(err);
}
