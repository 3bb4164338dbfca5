import { mkdir, mkdtemp, readFile, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Chores } from "../../agent/base/chores.ts";
import type { Endpoint } from "../../agent/mesh/source.ts";
import { parseStaticMesh, StaticMeshError } from "../../agent/mesh/static-file.ts";
import { createStaticSource } from "../../agent/mesh/static-source.ts";
import { FakeClock } from "../support/fake-clock.ts";

const STRICT = { allowLoopback: false, isAllowed: () => false };
const node = (name: string, address: string, rest: object = {}) => ({
  name,
  zone: "zone-a",
  podAddresses: [address],
  ...rest,
});
const meshText = (...nodes: unknown[]) => JSON.stringify({ nodes });

function faultsOf(text: string): readonly string[] {
  try {
    parseStaticMesh("mesh.json", text, STRICT);
  } catch (err) {
    if (err instanceof StaticMeshError) return err.faults;
    throw err;
  }
  throw new Error("the file was accepted");
}

describe("the file", () => {
  test("the example in docs/static-mesh.md is accepted as it stands there", async () => {
    const page = await readFile(new URL("../../docs/static-mesh.md", import.meta.url), "utf8");
    const [, example] = /```json\n([\s\S]*?)```/.exec(page)!;
    const endpoints = parseStaticMesh("example", example!, STRICT);
    expect(endpoints.map((e) => e.node)).toEqual([
      { name: "node-1", zone: "zone-a" },
      { name: "node-2", zone: "zone-a" },
      { name: "node-3", zone: "zone-b" },
    ]);
    expect(endpoints[0]).toEqual({
      node: { name: "node-1", zone: "zone-a" },
      id: "node-1",
      podAddresses: { ipv4: "10.244.1.2", ipv6: "fd00:244:1::2" },
      nodeAddresses: { ipv4: "192.168.10.1" },
      serving: true,
      terminating: false,
    });
    expect(endpoints[2]!.nodeAddresses).toEqual({});
  });

  test.each([
    ["", "it is not JSON"],
    ["[]", 'it must be an object { "nodes": [ … ] }'],
    ["{}", "nodes must be a list of 1 to 5000 nodes"],
    ['{"nodes":[]}', "nodes must be a list of 1 to 5000 nodes"],
    ['{"nodes":{}}', "nodes must be a list of 1 to 5000 nodes"],
    ['{"nodes":["node-1"]}', "nodes[0] must be an object"],
    [
      '{"peers":[],"nodes":[{"name":"a","podAddresses":["10.0.0.1"]}]}',
      'the file has "peers", and only nodes may be there',
    ],
    [meshText({ name: "a" }), "nodes[0].podAddresses must be a list"],
    [meshText({ name: "a", podAddresses: [] }), "nodes[0].podAddresses must be a list"],
    [meshText({ name: "a b", podAddresses: ["10.0.0.1"] }), "nodes[0].name must be a node name"],
    [meshText(node("a", "10.0.0.1", { zone: 7 })), "nodes[0].zone must be a zone name"],
    [
      meshText(node("a", "10.0.0.1", { address: "x" })),
      'nodes[0] has "address", and only name, zone, podAddresses, nodeAddresses may be there',
    ],
    [meshText(node("a", "node-1.local")), "nodes[0].podAddresses[0] must be a list of one IP address"],
    [meshText(node("a", "10.0.0.1"), node("a", "10.0.0.2")), 'node "a" is there twice'],
    [meshText(node("a", "10.0.0.1"), node("b", "10.0.0.1")), 'podAddresses: 10.0.0.1 belongs to both "a" and "b"'],
    [
      meshText(node("a", "fd00:244:1::2"), node("b", "FD00:244:1:0:0::2")),
      'podAddresses: fd00:244:1::2 belongs to both "a" and "b"',
    ],
    [meshText({ name: "a", podAddresses: ["10.0.0.1", "10.0.0.2"] }), "two addresses of one family"],
    [meshText(node("a", "127.0.0.1")), "which is refused: loopback; set discovery.allowLoopback"],
    [meshText(node("a", "169.254.169.254")), "which is refused: the metadata service of most clouds"],
  ])("%s is refused", (text, expected) => {
    const faults = faultsOf(text);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(expected);
  });

  test("all faults are told at once", () => {
    expect(faultsOf(meshText(node("a b", "x"), { name: "c" }, node("d", "10.0.0.1", { extra: 1 })))).toHaveLength(4);
    expect(faultsOf(meshText(node("a", "127.0.0.1"), node("a", "10.0.0.1"), node("b", "10.0.0.1")))).toHaveLength(3);
  });
});

describe("the source", () => {
  let directory: string;
  let file: string;
  let heard: { lists: string[][]; synced: number; failures: string[] };
  let source: AsyncDisposable | undefined;
  const clock = new FakeClock();
  const chores = new Chores(clock);

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "internode-static-"));
    file = join(directory, "mesh.json");
    heard = { lists: [], synced: 0, failures: [] };
  });
  afterEach(async () => {
    await source?.[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  function start(at = file): void {
    source = createStaticSource({ ...STRICT, file: at, chores }).start({
      endpoints: (list: readonly Endpoint[]) => heard.lists.push(list.map((e) => e.node.name)),
      synced: () => (heard.synced += 1),
      failed: (error) => heard.failures.push(error.message),
    });
  }
  function aSecondPasses(): void {
    clock.advanceMs(1_000);
    chores.tick();
  }
  const until = (check: () => void) =>
    vi.waitFor(
      () => {
        aSecondPasses();
        check();
      },
      { timeout: 10_000, interval: 5 },
    );
  async function secondsPass(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      aSecondPasses();
      await sleep(5);
    }
  }

  test("lists what is in the file, and again when it changes", async () => {
    await writeFile(file, meshText(node("a", "10.0.0.1")));
    start();
    await until(() => expect(heard.lists).toEqual([["a"]]));
    await writeFile(file, meshText(node("a", "10.0.0.1"), node("b", "10.0.0.2")));
    await until(() => expect(heard.lists).toEqual([["a"], ["a", "b"]]));
    expect(heard.synced).toBeGreaterThan(0);
  });

  test("goes on being current while nothing changes, without listing again", async () => {
    await writeFile(file, meshText(node("a", "10.0.0.1")));
    start();
    await until(() => expect(heard.synced).toBeGreaterThan(3));
    expect(heard.lists).toHaveLength(1);
  });

  test("notices a file replaced by rename, and the swapped link of a mounted ConfigMap", async () => {
    // As the kubelet does it: mesh.json -> ..data/mesh.json, ..data -> a directory; the new ..data is renamed over the old.
    await mkdir(join(directory, "..1"));
    await writeFile(join(directory, "..1", "mesh.json"), meshText(node("a", "10.0.0.1")));
    await symlink("..1", join(directory, "..data"));
    await symlink(join("..data", "mesh.json"), file);
    start();
    await until(() => expect(heard.lists).toHaveLength(1));
    await mkdir(join(directory, "..2"));
    await writeFile(join(directory, "..2", "mesh.json"), meshText(node("b", "10.0.0.2")));
    await symlink("..2", join(directory, "..data_tmp"));
    await rename(join(directory, "..data_tmp"), join(directory, "..data"));
    await until(() => expect(heard.lists).toEqual([["a"], ["b"]]));
    await writeFile(join(directory, "other"), meshText(node("c", "10.0.0.3")));
    await rename(join(directory, "other"), file);
    await until(() => expect(heard.lists).toEqual([["a"], ["b"], ["c"]]));
  });

  test("an invalid file keeps the last good one, is told once, and does not count as current", async () => {
    await writeFile(file, meshText(node("a", "10.0.0.1")));
    start();
    await until(() => expect(heard.lists).toHaveLength(1));
    await writeFile(file, meshText(node("a", "10.0.0.1"), node("a", "10.0.0.2")));
    await until(() => expect(heard.failures).toHaveLength(1));
    expect(heard.failures[0]).toContain('node "a" is there twice');
    const { synced } = heard;
    await secondsPass(20);
    expect(heard.synced).toBe(synced);
    expect(heard.failures).toHaveLength(1);
    expect(heard.lists).toHaveLength(1);
    await writeFile(file, meshText(node("b", "10.0.0.2")));
    await until(() => expect(heard.lists).toEqual([["a"], ["b"]]));
    await until(() => expect(heard.synced).toBeGreaterThan(synced));
  });

  test("a file that goes away and comes back unchanged is current again, without being listed again", async () => {
    const mount = join(directory, "mount");
    await mkdir(mount);
    await writeFile(join(mount, "mesh.json"), meshText(node("a", "10.0.0.1")));
    start(join(mount, "mesh.json"));
    await until(() => expect(heard.lists).toHaveLength(1));
    // The directory is renamed, so that nothing at all changes about the file itself.
    await rename(mount, join(directory, "aside"));
    await until(() => expect(heard.failures).toEqual([expect.stringContaining("the last good one stays in force")]));
    const { synced } = heard;
    await rename(join(directory, "aside"), mount);
    await until(() => expect(heard.synced).toBeGreaterThan(synced));
    expect(heard.lists).toHaveLength(1);
  });

  test("begins with a file that is not there yet", async () => {
    start();
    await until(() => expect(heard.failures).toHaveLength(1));
    await writeFile(file, meshText(node("a", "10.0.0.1")));
    await until(() => expect(heard.lists).toEqual([["a"]]));
  });

  test("reads a file with a byte order mark, and says what to do about one in UTF-16", async () => {
    await writeFile(file, `\u{feff}${meshText(node("a", "10.0.0.1"))}`);
    start();
    await until(() => expect(heard.lists).toEqual([["a"]]));
    await writeFile(file, Buffer.from(`\u{feff}${meshText(node("b", "10.0.0.2"))}`, "utf16le"));
    await until(() => expect(heard.failures).toEqual([expect.stringContaining("save it as UTF-8")]));
    expect(heard.lists).toEqual([["a"]]);
  });

  test("a directory and an enormous file are refused without being read", async () => {
    start(directory);
    await until(() => expect(heard.failures).toHaveLength(1));
    await source![Symbol.asyncDispose]();
    await writeFile(file, " ".repeat(9 * 1024 * 1024));
    start();
    await until(() => expect(heard.failures.at(-1)).toContain("at most 8388608 are read"));
  });

  test("after disposal nothing is heard, and disposing twice is harmless", async () => {
    await writeFile(file, meshText(node("a", "10.0.0.1")));
    start();
    await until(() => expect(heard.lists).toHaveLength(1));
    await source![Symbol.asyncDispose]();
    await source![Symbol.asyncDispose]();
    const { synced } = heard;
    await unlink(file);
    await secondsPass(10);
    expect(heard).toMatchObject({ synced, failures: [] });
  });
});
