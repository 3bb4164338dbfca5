import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const main = fileURLToPath(new URL("../../agent/main.ts", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "internode-config-"));
afterAll(() => rmSync(directory, { recursive: true }));

function config(args: string[], env: Record<string, string> = {}) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [main, "config", ...args], { encoding: "utf8", env });
  return { stdout, stderr, status };
}

function file(content: unknown): string {
  const path = join(directory, "internode.json");
  writeFileSync(path, JSON.stringify(content));
  return path;
}

test("prints every option with its value and who said so", () => {
  const path = file({ discovery: { kind: "static", file: "mesh.json" }, udp: { networks: [] } });
  const { stdout, status } = config(["--config", path, "--icmp-interval-ms=2000"], {
    NODE_NAME: "node-1",
    INTERNODE_LOG_LEVEL: "debug",
  });
  expect(status).toBe(0);
  const lines = stdout.split("\n").map((line) => line.split(/\s{2,}/));
  expect(lines[0]).toEqual(["OPTION", "VALUE", "FROM"]);
  expect(lines).toContainEqual(["node.name", "node-1", "environment NODE_NAME"]);
  expect(lines).toContainEqual(["logLevel", "debug", "environment INTERNODE_LOG_LEVEL"]);
  expect(lines).toContainEqual(["icmp.intervalMs", "2000", "flag --icmp-interval-ms"]);
  expect(lines).toContainEqual(["udp.networks", "[]", `file ${path}`]);
  expect(lines).toContainEqual(["tcp.intervalMs", "5000", "default"]);
  expect(stdout).not.toContain("discovery.namespace");
});

test("as JSON it is a document whose configuration is a file that it accepts again", () => {
  const { stdout, status } = config([
    "-o",
    "json",
    "--node-name=node-1",
    "--discovery-kind=static",
    "--discovery-file=mesh.json",
    "--tcp-networks=pod,node",
  ]);
  expect(status).toBe(0);
  const first = JSON.parse(stdout) as { schemaVersion: number; config: unknown; origins: Record<string, string> };
  expect(first.schemaVersion).toBe(1);
  expect(first.origins["tcp.networks"]).toBe("flag --tcp-networks");
  const again = config(["--output=json", "--config", file(first.config)]);
  expect(again.status).toBe(0);
  expect((JSON.parse(again.stdout) as { config: unknown }).config).toEqual(first.config);
});

test("prints all faults on stderr and ends with 2", () => {
  const { stdout, stderr, status } = config(["--icmp-timeout-ms=1500", "--nope"], { INTERNODE_ENGIN: "kernel" });
  expect(status).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain("the configuration has 5 errors");
  expect(stderr).toContain("environment INTERNODE_ENGIN: there is no such option. Did you mean 'INTERNODE_ENGINE'?");
  expect(stderr).toContain("icmp.timeoutMs (flag --icmp-timeout-ms)");
  expect(stderr).toContain("node.name (not set)");
  expect(stderr).toContain("discovery.kind (not set)");
});

test("refuses an output it does not know, and its help names every way to say an option", () => {
  expect(config(["-o", "yaml"])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("'yaml' is invalid. Allowed choices are table, json."),
  });
  const { stdout, status } = config(["--help"]);
  expect(status).toBe(0);
  expect(stdout).toContain(
    "--icmp-interval-ms\n      Milliseconds between two probes of a slot.\n      a whole number from 100 to 3600000; default: 1000",
  );
});
