// Flannel with both address families, by routes alone (host-gw), and with IPv6 alone, by tunnels.
import { describe, expect, test } from "vitest";
import { until } from "../../cluster/until.ts";
import { CniMesh, expectLost, podSlotsBetween, without } from "./mesh.ts";

const KINDS = ["pod icmp", "pod tcp", "pod udp", "node icmp"];
const IPV6 = KINDS.map((kind) => `${kind} ipv6`);

/** Of all pairs and families, once every one is known. */
async function pathMtus(mesh: CniMesh, families: number): Promise<ReadonlySet<number>> {
  const told = await until(
    "the path MTU of every pair",
    async () => {
      const samples = (await mesh.release.scrapeAll()).filter(({ name }) => name === "internode_path_mtu_bytes");
      return samples.length === 6 * families && samples.map(({ value }) => value);
    },
    { timeoutMs: 90_000, intervalMs: 1_000 },
  );
  return new Set(told);
}

describe("host-gw with IPv4 and IPv6", () => {
  const deleteRoute = (mesh: CniMesh, pods: string): Promise<string> =>
    mesh.target.own.node("node-1").run(["ip", ...(pods.includes(":") ? ["-6"] : []), "route", "del", pods]);

  test("both families are measured; a deleted route comes back by Flannel, and stays away without it, in its family alone", async () => {
    const values = { config: { families: ["ipv4", "ipv6"] } };
    await using mesh = await CniMesh.open({ cni: "flannel-host-gw", families: "both" }, values, [...KINDS, ...IPV6]);
    expect(await pathMtus(mesh, 2)).toEqual(new Set([1500]));

    await deleteRoute(mesh, "10.244.2.0/24");
    await until(
      "Flannel to lay the route again",
      async () => (await mesh.target.own.node("node-1").run(["ip", "route"])).includes("10.244.2.0/24"),
      { timeoutMs: 60_000, intervalMs: 500 },
    );
    await mesh.allHealthy();

    await mesh.killFlannel();
    await deleteRoute(mesh, "fd00:10:244:2::/64");
    const lost = podSlotsBetween(mesh.slots, "node-1", "node-2").filter((slot) => slot.endsWith(" ipv6"));
    expect(await mesh.countedNow()).toEqual({ dead: lost, healthy: without(mesh.slots, lost) });
    expectLost(await mesh.matrix(), lost, /node-1.*node-2|node-2.*node-1/);
  });
});

describe("vxlan with IPv6 alone", () => {
  test("every slot is answered by the default values, and path MTU is what an IPv6 tunnel leaves of 1500", async () => {
    await using mesh = await CniMesh.open({ cni: "flannel-vxlan", families: "ipv6" }, {}, IPV6);
    expect(await pathMtus(mesh, 1)).toEqual(new Set([1430]));
    expect((await mesh.matrix()).exitCode).toBe(0);
  });
});
