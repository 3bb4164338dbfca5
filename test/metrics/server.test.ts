import { createServer, get, request, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { gunzipSync } from "node:zlib";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { Metrics } from "../../agent/metrics/metrics.ts";
import { startMetricsServer, type MetricsServer } from "../../agent/metrics/server.ts";
import { liveAMinute, scrapeText, twoNodeMesh } from "../support/two-node-mesh.ts";

type Scraped = Pick<Metrics, "scrape">;

async function served(
  metrics: Scraped,
  options: { readonly listen?: readonly string[]; readonly failed?: (e: Error) => void } = {},
): Promise<{ server: MetricsServer; url: string }> {
  const server = await startMetricsServer({
    metrics,
    port: 0,
    listen: options.listen ?? ["127.0.0.1"],
    ...(options.failed && { failed: options.failed }),
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return { server, url: `http://127.0.0.1:${server.addresses[0]!.port}` };
}

const lived = (): Metrics => {
  const mesh = twoNodeMesh();
  liveAMinute(mesh);
  return mesh.metrics;
};

/** Slices on demand: a scrape that is under way for as long as a test likes. */
function heldScrape(): { metrics: Scraped; release: () => void; started: () => number } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let started = 0;
  return {
    release: resolve,
    started: () => started,
    metrics: {
      async *scrape() {
        started += 1;
        yield "first 1\n";
        await promise;
        yield "last 1\n";
      },
    },
  };
}

const raw = (url: string, headers: Record<string, string> = {}) =>
  new Promise<{ response: IncomingMessage; body: Buffer }>((resolve, reject) => {
    get(url, { headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response
        .on("data", (part: Buffer) => parts.push(part))
        .on("end", () => resolve({ response, body: Buffer.concat(parts) }))
        .on("error", reject);
    }).on("error", reject);
  });

test("/metrics is the whole scrape as text of format 0.0.4", async () => {
  const metrics = lived();
  const { url } = await served(metrics);
  const { response, body } = await raw(`${url}/metrics`);
  expect(response.statusCode).toBe(200);
  expect(response.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(response.headers["content-encoding"]).toBeUndefined();
  expect(body.toString()).toBe(await scrapeText(metrics));
  expect((await raw(`${url}/metrics?name[]=x`)).response.statusCode).toBe(200);
});

test("a scraper that asks for gzip gets it, one that refuses it does not", async () => {
  const metrics = lived();
  const { url } = await served(metrics);
  const zipped = await raw(`${url}/metrics`, { "accept-encoding": "deflate, gzip;q=0.5" });
  expect(zipped.response.headers["content-encoding"]).toBe("gzip");
  expect(gunzipSync(zipped.body).toString()).toBe(await scrapeText(metrics));
  for (const refusal of ["identity", "gzip;q=0", "gzip;q=0.000", "gzipped", "*;q=0"])
    expect(
      (await raw(`${url}/metrics`, { "accept-encoding": refusal })).response.headers["content-encoding"],
    ).toBeUndefined();
});

test("every other path is 404 and every other method 405; HEAD has the headers without a scrape", async () => {
  const held = heldScrape();
  const { url } = await served(held.metrics);
  for (const path of ["/", "/metrics/", "/healthz", "/api/v1/pairs", "//metrics", "/%6detrics"])
    expect((await fetch(url + path)).status).toBe(404);
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
    const response = await fetch(`${url}/metrics`, { method });
    expect([method, response.status, response.headers.get("allow")]).toEqual([method, 405, "GET, HEAD"]);
  }
  const head = await fetch(`${url}/metrics`, { method: "HEAD" });
  expect([head.status, head.headers.get("content-type"), await head.text()]).toEqual([
    200,
    "text/plain; version=0.0.4; charset=utf-8",
    "",
  ]);
  expect(held.started()).toBe(0);
});

test("a fifth scrape at the same time is told to come back, and the next one after they are done is served", async () => {
  const held = heldScrape();
  const { url } = await served(held.metrics);
  const four = Array.from({ length: 4 }, () => raw(`${url}/metrics`));
  await expect.poll(held.started).toBe(4);
  const fifth = await raw(`${url}/metrics`);
  expect([fifth.response.statusCode, fifth.response.headers["retry-after"]]).toEqual([503, "1"]);
  held.release();
  for (const { response, body } of await Promise.all(four))
    expect([response.statusCode, body.toString()]).toEqual([200, "first 1\nlast 1\n"]);
  expect((await raw(`${url}/metrics`)).response.statusCode).toBe(200);
});

test("scrapers that hang up free their place, and that is no fault", async () => {
  const held = heldScrape();
  const faults: Error[] = [];
  const { url } = await served(held.metrics, { failed: (e) => faults.push(e) });
  for (let i = 1; i <= 4; i++) {
    const client = request(`${url}/metrics`, { agent: false }).on("error", () => {});
    client.on("response", (response) => response.once("data", () => client.destroy()).on("error", () => {}));
    client.end();
    await expect.poll(held.started).toBe(i);
  }
  held.release();
  await expect.poll(async () => (await raw(`${url}/metrics`)).response.statusCode).toBe(200);
  expect(faults).toEqual([]);
});

test("a scrape that breaks cuts the connection, so that nobody takes half a response for a whole one, and is reported", async () => {
  const faults: Error[] = [];
  const { url } = await served(
    {
      async *scrape() {
        yield "first 1\n";
        await sleep(1);
        throw new Error("a provider broke");
      },
    },
    { failed: (e) => faults.push(e) },
  );
  await expect(raw(`${url}/metrics`)).rejects.toThrow(/aborted|socket hang up|ECONNRESET/);
  await expect.poll(() => faults.map((e) => e.message)).toEqual(["a provider broke"]);
});

test("a port that is taken is named in the error with the cure, and nothing is left listening", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.2", resolve));
  onTestFinished(() => void other.close());
  const { port } = other.address() as { port: number };
  const start = () => startMetricsServer({ metrics: lived(), port, listen: ["127.0.0.3", "127.0.0.2"] });
  await expect(start()).rejects.toThrow(
    `/metrics: cannot listen on 127.0.0.2, port ${port}: EADDRINUSE; another process has it: stop that one (\`ss -lntup\` names it) or set ports.metrics`,
  );
  await expect(fetch(`http://127.0.0.3:${port}/metrics`)).rejects.toThrow("fetch failed");
});

test("an address that is not this host's is named in the error with the cure", async () => {
  await expect(startMetricsServer({ metrics: lived(), port: 0, listen: ["192.0.2.1"] })).rejects.toThrow(
    /192\.0\.2\.1, port 0: EADDRNOTAVAIL; .*listen/,
  );
});

test("it listens on every address asked for, and on all when none is", async () => {
  const two = await served(lived(), { listen: ["127.0.0.1", "127.0.0.4"] });
  expect(two.server.addresses.map((a) => a.address)).toEqual(["127.0.0.1", "127.0.0.4"]);
  for (const { address, port } of two.server.addresses)
    expect((await fetch(`http://${address}:${port}/metrics`)).status).toBe(200);
  const all = await served(lived(), { listen: [] });
  expect((await fetch(`${all.url}/metrics`)).status).toBe(200);
});

test("disposing ends idle and busy connections at once, and twice is harmless", async () => {
  const held = heldScrape();
  const { server, url } = await served(held.metrics);
  const idle = connect(server.addresses[0]!.port, "127.0.0.1");
  const closed = new Promise((resolve) => idle.on("error", () => {}).on("close", resolve));
  const busy = raw(`${url}/metrics`);
  await expect.poll(held.started).toBe(1);
  await Promise.all([
    server[Symbol.asyncDispose](),
    expect(busy).rejects.toThrow(/aborted|socket hang up|ECONNRESET/),
    closed,
  ]);
  await server[Symbol.asyncDispose]();
  await expect(fetch(`${url}/metrics`)).rejects.toThrow("fetch failed");
});

test("a request that is no HTTP and headers without end get a 4xx and the port goes on", async () => {
  const { server, url } = await served(lived());
  const answerTo = (bytes: string) =>
    new Promise<string>((resolve) => {
      let text = "";
      const socket = connect(server.addresses[0]!.port, "127.0.0.1", () => socket.write(bytes));
      socket
        .on("data", (d) => (text += d.toString()))
        .on("error", () => {})
        .on("close", () => resolve(text));
    });
  expect(await answerTo("\x16\x03\x01 hello\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
  expect(await answerTo(`GET /metrics HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(20_000)}\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 431 /,
  );
  expect((await fetch(`${url}/metrics`)).status).toBe(200);
});
