// The agent as the image carries it, in a network of its own: what it loads, and what its log says.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
import { needs } from "../support/needs.ts";

const { describe, test } = await needs("namespaces");

describe("the bundled agent", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "internode-bundle-"));
    const script = fileURLToPath(new URL("../../scripts/bundle.mjs", import.meta.url));
    for (const words of [["image"], ["mapped", "--sourcemap"]])
      execFileSync(process.execPath, [script, "--out", ...words], { cwd: folder, stdio: "ignore" });
    const discovery = { kind: "static", file: join(folder, "mesh.json"), allowLoopback: true };
    writeFileSync(join(folder, "config.json"), JSON.stringify({ discovery, node: { name: "node-1" } }));
    writeFileSync(
      join(folder, "loaded.mjs"),
      `process.on("SIGTERM", () => process.stdout.write(JSON.stringify({ loaded: process.moduleLoadList }) + "\\n"));`,
    );
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** The lines that it has written, as objects, when it is stopped after `change`; `files`: those in that folder. */
  async function linesOf(
    change: () => Promise<unknown>,
    { files = "image", flags = [] }: { readonly files?: string; readonly flags?: readonly string[] } = {},
  ): Promise<readonly Record<string, unknown>[]> {
    const nodes = ["127.0.0.1", "127.0.0.2"].map((address, i) => ({ name: `node-${i + 1}`, podAddresses: [address] }));
    writeFileSync(join(folder, "mesh.json"), JSON.stringify({ nodes }));
    const words = [...flags, "--import", join(folder, "loaded.mjs"), join(folder, files, "main.mjs"), "agent"];
    const config = ["--config", join(folder, "config.json")];
    const inNetwork = 'ip link set lo up && exec "$@"';
    const agent = spawn("unshare", ["--net", "sh", "-c", inNetwork, "sh", process.execPath, ...words, ...config]);
    let out = "";
    agent.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    while (!out.includes("the mesh changed") && agent.exitCode === null) await sleep(50);
    await change();
    agent.kill("SIGTERM");
    await once(agent, "exit");
    return out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  test("does not load what a mesh in a file has no use for", async ({ expect }) => {
    const lines = await linesOf(() => sleep(2_000));
    const loaded = lines.find((line) => "loaded" in line)?.["loaded"] as readonly string[];
    expect(loaded).toContain("NativeModule http");
    // `WebSocket` of node:http is a second undici; the others come with the rest of the first. Together 6 MB.
    for (const name of ["internal/deps/undici/undici", "http2", "tls", "sqlite", "stream/web"])
      expect.soft(loaded).not.toContain(`NativeModule ${name}`);
  });

  const breakMesh = async () => {
    writeFileSync(join(folder, "mesh.json"), "no JSON");
    await sleep(3_000);
  };

  test("tells an error by its own name, its message and where it was made", async ({ expect }) => {
    const lines = await linesOf(breakMesh);
    expect(lines.find((line) => "err" in line)?.["err"]).toMatchObject({
      type: "StaticMeshError",
      message: expect.stringContaining("mesh.json") as string,
      stack: expect.stringContaining("image/") as string,
    });
  });

  test("with maps has the same files, and stack traces of the sources", async ({ expect }) => {
    const filesOf = (name: string) => readdirSync(join(folder, name)).filter((file) => file.endsWith(".mjs"));
    expect(filesOf("mapped")).toEqual(filesOf("image"));
    const lines = await linesOf(breakMesh, { files: "mapped", flags: ["--enable-source-maps"] });
    expect(lines.find((line) => "err" in line)?.["err"]).toMatchObject({
      stack: expect.stringMatching(/agent\/mesh\/static-file\.ts:\d+:\d+/) as string,
    });
  });
});
