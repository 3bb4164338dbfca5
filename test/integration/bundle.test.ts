// The bundle an image carries must be the agent of a checkout: esbuild sees packages with other eyes than Node.js.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
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

/** The checkout as it is on a machine where raw-socket did not compile, or net-ping was not installed at all. */
function checkoutWithout(what: "raw-socket's binary" | "net-ping"): string {
  const root = mkdtempSync(join(folder, "checkout-"));
  for (const name of ["agent", "scripts", "package.json", "LICENSE", "docs/troubleshooting.md"])
    cpSync(join(ROOT, name), join(root, name), { recursive: true });
  mkdirSync(join(root, "node_modules"));
  for (const name of readdirSync(join(ROOT, "node_modules"))) {
    if (name === "net-ping" || name === "raw-socket") {
      // Copies, since a link would lead to what is compiled.
      if (what === "net-ping") continue;
      const filter = (path: string) => !path.endsWith("/build");
      cpSync(join(ROOT, "node_modules", name), join(root, "node_modules", name), { recursive: true, filter });
    } else symlinkSync(join(ROOT, "node_modules", name), join(root, "node_modules", name));
  }
  return root;
}

test.each(["raw-socket's binary", "net-ping"] as const)(
  "it is made without %s too, and its userspace engine measures by TCP and UDP and names the cure",
  (what) => {
    const root = checkoutWithout(what);
    const built = join(root, "out");
    const { stderr } = spawnSync(process.execPath, [join(root, "scripts/bundle.mjs"), "--out", built], {
      encoding: "utf8",
    });
    expect(stderr).toContain("the userspace engine of this bundle has no ICMP");
    const config = join(root, "config.json");
    const mesh = join(root, "mesh.json");
    writeFileSync(mesh, JSON.stringify({ nodes: [{ name: "node-1", podAddresses: ["127.0.0.9"] }] }));
    writeFileSync(
      config,
      JSON.stringify({
        node: { name: "node-1", podAddresses: ["127.0.0.9"] },
        engine: "userspace",
        listen: ["127.0.0.9"],
        discovery: { kind: "static", file: mesh, allowLoopback: true },
        shutdown: { drainMs: 0 },
      }),
    );
    const { stdout } = spawnSync(
      "timeout",
      ["5", process.execPath, join(built, "main.mjs"), "agent", "--config", config],
      {
        encoding: "utf8",
      },
    );
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { level: string; part?: string; err?: { message: string } });
    expect(lines.filter(({ level }) => level === "error")).toMatchObject([
      { part: "icmp", err: { message: expect.stringContaining("install net-ping with raw-socket compiled") } },
    ]);
  },
);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
