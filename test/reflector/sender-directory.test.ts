import { expect, test } from "vitest";
import { SenderDirectory } from "../../agent/reflector/sender-directory.ts";
import { nodeHashHex } from "../../agent/wire/stamp.ts";

const node = (name: string, podAddresses: object, nodeAddresses: object = {}) => ({
  node: { name, zone: "a" },
  podAddresses,
  nodeAddresses,
});

test("an address is a node's own only under that node's name, however it was spelled", () => {
  const sources = new SenderDirectory();
  sources.update([
    node("node-1", { ipv4: "10.0.0.1", ipv6: "FD00:244:1:0:0::2" }, { ipv4: "192.0.2.1" }),
    node("node-2", { ipv4: "10.0.0.2" }, { ipv4: "192.0.2.1" }),
  ]);
  const [one, two] = ["node-1", "node-2"].map(nodeHashHex) as [string, string];
  for (const ip of ["10.0.0.1", "fd00:244:1::2", "192.0.2.1"]) expect(sources.isFrom(one, ip)).toBe(true);
  expect(sources.isFrom(two, "192.0.2.1")).toBe(true);
  expect(sources.isFrom(two, "10.0.0.1")).toBe(false);
  expect(sources.isFrom(nodeHashHex("nobody"), "10.0.0.1")).toBe(false);
  expect(sources.nodeOf(two)?.name).toBe("node-2");
});

test("what membership no longer knows is forgotten", () => {
  const sources = new SenderDirectory();
  sources.update([node("node-1", { ipv4: "10.0.0.1" })]);
  sources.update([node("node-1", { ipv4: "10.0.0.7" })]);
  expect(sources.isFrom(nodeHashHex("node-1"), "10.0.0.1")).toBe(false);
  sources.update([]);
  expect(sources.nodeOf(nodeHashHex("node-1"))).toBeUndefined();
});
