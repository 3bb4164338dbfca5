// A lab larger than what the kernel's table of neighbours (arp(7)) has room for.
import { expect } from "vitest";
import { createLab } from "../../lab/lab.ts";
import { needs } from "../support/needs.ts";

const { test } = await needs("namespaces", "fping");

const NODES = 40;

test("in a lab of forty nodes every node reaches every other's node and pod addresses of both families, all at a time", async () => {
  await using lab = await createLab({ nodes: NODES, agents: false, ipv6: true });
  const unreached = await Promise.all(
    lab.nodes.map(async (from) => {
      const others = lab.nodes.filter((node) => node !== from);
      const addresses = others.flatMap((node) => [...node.nodeAddresses, ...node.podAddresses]);
      // It ends with 1 where one is not reached, and names those.
      const alive = await lab.runInNode(from.name, "sh", ["-c", `fping -r 3 -a ${addresses.join(" ")} || true`]);
      return addresses.length - alive.trim().split("\n").length;
    }),
  );
  expect(unreached).toEqual(lab.nodes.map(() => 0));
});
