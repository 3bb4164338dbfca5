import { expect, test } from "vitest";
import { loopbackNodes } from "../../lab/loopback.ts";

test("each lab has a /24 of loopback by its id, never 127.0.0.x, one address a node", () => {
  const nodes = loopbackNodes("00beef", { nodes: 6, zones: 3 });
  const addresses = nodes.flatMap((node) => node.podAddresses);
  expect(new Set(addresses).size).toBe(6);
  expect(new Set(nodes.map((node) => node.zone))).toEqual(new Set(["zone-a", "zone-b", "zone-c"]));
  for (const id of ["000000", "ffffff", "00fe00", "123456"]) {
    const [node] = loopbackNodes(id, { nodes: 2, zones: 1 });
    expect(node!.podAddresses[0]).toMatch(
      /^127\.([1-9]|[1-9]\d|1\d\d|2[0-4]\d|25[0-4])\.(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])\.1$/,
    );
  }
  expect(loopbackNodes("000001", { nodes: 2, zones: 1 })[0]!.podAddresses).not.toEqual(
    loopbackNodes("000002", { nodes: 2, zones: 1 })[0]!.podAddresses,
  );
});

test("more nodes than a /24 holds are refused", () => {
  expect(() => loopbackNodes("000000", { nodes: 251, zones: 1 })).toThrow("2 to 250 nodes");
});
