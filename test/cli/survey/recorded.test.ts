// The recordings are whole: what a reader of them looks for is there for every node of every CNI.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const FOLDER = new URL("../../fixtures/cni/", import.meta.url);
const OBJECTS = ["nodes", "daemonsets", "configmaps", "pods", "namespaces"].map((kind) => `${kind}.json`);
const OF_NODES = ["link", "address", "route", "route6", "rule", "neighbour", "fdb"].map((table) => `${table}.json`);

const clusters = readdirSync(FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory());

test.each(clusters.map(({ name }) => name))("%s has objects, tables and the daemon's log of each node", (cluster) => {
  const at = (file: string): URL => new URL(`${cluster}/${file}`, FOLDER);
  const nodes = JSON.parse(readFileSync(at("nodes.json"), "utf8")) as {
    readonly items: readonly { readonly metadata: { readonly name: string } }[];
  };
  const names = nodes.items.map(({ metadata }) => metadata.name);
  expect(names).toHaveLength(3);
  expect(OBJECTS.filter((file) => !existsSync(at(file)))).toEqual([]);
  for (const name of names) {
    expect(OF_NODES.filter((file) => !existsSync(at(`${name}/${file}`)))).toEqual([]);
    expect(readdirSync(at(`${name}/`)).filter((file) => file.endsWith(".log"))).not.toEqual([]);
  }
});
