// The bundle an image carries must be the agent of a checkout: esbuild sees packages with other eyes than Node.js.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "internode-bundle-"));
const out = join(folder, "out");
const main = join(out, "main.mjs");
const internode = (...args: string[]): string =>
  execFileSync(process.execPath, [main, ...args], { cwd: folder, encoding: "utf8" });

beforeAll(() => {
  execFileSync(process.execPath, [join(ROOT, "scripts/bundle.mjs"), "--out", out], { stdio: "pipe" });
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("it runs with no package of the checkout in reach", () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  expect(internode("version")).toContain(`internode ${version} `);
});

test("it is a program by itself, started by the Node.js of the image with one flag, as Linux passes on no more", () => {
  const [first] = readFileSync(main, "utf8").split("\n");
  expect(first).toMatch(/^#!\/nodejs\/bin\/node --[a-z0-9=-]+$/);
  expect(statSync(main).mode & 0o111).toBe(0o111);
});

test.each(["undici", "@kubernetes/client-node", "net-ping"])(
  "%s, loaded when it is needed, has every name that Node.js gives it",
  async (name) => {
    const chunk = readdirSync(out).find((file) => file.startsWith(`${name.split("/").at(-1)}-`))!;
    const bundled = (await import(pathToFileURL(join(out, chunk)).href)) as object;
    const own = (await import(name)) as object;
    expect(Object.keys(bundled)).toEqual(
      expect.arrayContaining(Object.keys(own).filter((key) => key !== "module.exports")),
    );
  },
);

test("its agent opens its sockets and serves the page from the bundle", async () => {
  const mesh = join(folder, "mesh.json");
  writeFileSync(
    mesh,
    JSON.stringify({ nodes: [{ name: "node-1", podAddresses: ["127.0.0.1"], nodeAddresses: ["127.0.0.1"] }] }),
  );
  const [metrics, probe, http] = await Promise.all([freePort(), freePort(), freePort()]);
  const config = join(folder, "config.json");
  const discovery = { kind: "static", file: mesh, allowLoopback: true };
  writeFileSync(
    config,
    JSON.stringify({
      node: { name: "node-1", podAddresses: ["127.0.0.1"] },
      ports: { metrics, probe, http },
      discovery,
    }),
  );
  const agent = spawn(process.execPath, [main, "agent", "--config", config], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  agent.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  agent.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  try {
    const get = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${http}${path}`)).text();
    await expect.poll(() => get("/healthz").catch(() => said), { timeout: 20_000 }).toMatch(/^ok/i);
    expect(await get("/")).toContain("<!doctype html>");
    expect((await get("/page.js")).length).toBeGreaterThan(1000);
    const exposition = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    expect(exposition).toMatch(/^internode_protocol_available\{[^}]*protocol="udp"[^}]*\} 1$/m);
  } finally {
    agent.kill("SIGKILL");
  }
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
