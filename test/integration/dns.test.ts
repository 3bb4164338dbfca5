// Lookups at a real dnsmasq across a cable, and with one of the two packets lost on the way as the conntrack race
// loses it.
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { lookup, type LookupOptions } from "../../agent/probes/dns-lookup.ts";
import { until } from "../probes/contract.ts";
import { realNetwork, type RealNetwork } from "./real-worlds.ts";
import { needs } from "../support/needs.ts";

const { describe } = await needs("namespaces", "dnsmasq");

describe("DNS at dnsmasq", () => {
  let network: RealNetwork;
  const ask = (name: string, options: Partial<LookupOptions> = {}) =>
    lookup({ clock: network.clock, server: network.pair.farIp, name, timeoutMs: 5_000, ...options });

  beforeAll(async () => {
    network = await realNetwork();
    const { pair } = network;
    const dnsmasq = pair.start(
      pair.far,
      "dnsmasq",
      // As who we are: in a user namespace there is nobody else.
      "--no-daemon",
      "--no-resolv",
      "--no-hosts",
      "--conf-file=/dev/null",
      "--pid-file=",
      "--host-record=kubernetes.default.svc.cluster.local,10.96.0.1,fd00::1",
      "--host-record=four.cluster.local,10.96.0.2",
      "--local=/cluster.local/",
      ...Array.from({ length: 60 }, (_, i) => `--host-record=big.cluster.local,10.97.0.${i + 1}`),
    );
    const exited = once(dnsmasq, "exit");
    exited.catch(() => undefined);
    await until(
      { run: () => new Promise((resolve) => setTimeout(resolve, 10)) },
      () => pair.run(pair.far, "ss", "-Hlun", "sport", "=", ":53").trim() !== "",
    );
  });
  afterEach(() => network.mend());
  afterAll(() => network[Symbol.asyncDispose]());

  test("the API server's name has both its addresses", async () => {
    expect(await ask("kubernetes.default.svc.cluster.local")).toMatchObject({
      kind: "resolved",
      addresses: ["10.96.0.1", "fd00::1"],
    });
  });

  test("a name with IPv4 only is resolved, one that does not exist is nxdomain", async () => {
    expect(await ask("four.cluster.local")).toMatchObject({ kind: "resolved", addresses: ["10.96.0.2"] });
    expect(await ask("nobody.cluster.local")).toEqual({ kind: "failed", reason: "nxdomain", unanswered: [] });
  });

  test("sixty addresses do not fit into a datagram and come over TCP", async () => {
    const outcome = await ask("big.cluster.local");
    expect(outcome.kind === "resolved" && outcome.addresses.length).toBe(60);
  });

  test("the second of the two packets lost on the way is a timeout that names it", async () => {
    // QTYPE behind 8 bytes of UDP header, 12 of DNS header and 20 of this name: 28 is AAAA.
    network.farInput("udp dport 53 @th,320,16 28 counter name one drop");
    const outcome = await ask("four.cluster.local", { timeoutMs: 600 });
    expect(outcome).toEqual({ kind: "failed", reason: "timeout", unanswered: ["AAAA"] });
    expect(network.counted("far", "one")).toBe(1);
  });

  test("a policy that rejects is no timeout", async () => {
    network.farInput("udp dport 53 reject with icmp type port-unreachable");
    expect(await ask("four.cluster.local")).toMatchObject({ kind: "failed", reason: "closed" });
    network.farInput("udp dport 53 reject with icmp type admin-prohibited");
    expect(await ask("four.cluster.local")).toMatchObject({ kind: "failed", reason: "unreachable" });
    network.nearOutput("udp dport 53 drop");
    expect(await ask("four.cluster.local")).toMatchObject({ kind: "failed", reason: "blocked" });
  });
});
