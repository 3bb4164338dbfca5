import { expect, test } from "vitest";
import { podEndpoint, until, watchedSource } from "../../support/watched-source.ts";
import { needs } from "../../support/needs.ts";

const { describe } = await needs("openssl");

const w = watchedSource();

describe("what slices say of endpoints", () => {
  test("one pod in slices of both families is one endpoint with two addresses", async () => {
    await w.api.apply("internode-v4", podEndpoint("node-1", "10.0.0.1"), podEndpoint("node-2", "10.0.0.2"));
    await w.api.applySlice("internode-v6", { addressType: "IPv6", endpoints: [podEndpoint("node-1", "fd00::1")] });
    await w.api.applySlice("internode-fqdn", {
      addressType: "FQDN",
      endpoints: [podEndpoint("node-7", "node-7.example")],
    });
    w.start();
    await w.untilNames("node-1", "node-2");
    expect(w.heard.lists[0]!.map((e) => e.podAddresses)).toEqual([
      { ipv4: "10.0.0.1", ipv6: "fd00::1" },
      { ipv4: "10.0.0.2" },
    ]);
  });

  test("readiness is what serving says, or ready where serving is not told; what is not told at all is ready", async () => {
    const conditions = [{ ready: true, serving: false }, { ready: false, serving: true }, { ready: false }, {}];
    await w.api.apply(
      "internode-1",
      ...conditions.map((condition, i) => podEndpoint(`node-${i}`, `10.0.0.${i + 1}`, { conditions: condition })),
      podEndpoint("node-4", "10.0.0.5", { conditions: undefined }),
    );
    w.start();
    await until(() => expect(w.heard.lists.at(-1)?.map((e) => e.serving)).toEqual([false, true, false, true, true]));
    expect(w.heard.lists[0]!.every((e) => !e.terminating)).toBe(true);
  });

  test("endpoints without a node, with a bad name or without an address are left out, and the rest is taken", async () => {
    await w.api.apply(
      "internode-1",
      { addresses: ["10.0.0.8"] },
      podEndpoint("node one", "10.0.0.7"),
      podEndpoint("node-3", "10.0.0.3", { addresses: [] }),
      podEndpoint("node-2", "10.0.0.2", { zone: "a zone" }),
    );
    w.start();
    await w.untilNames("node-2");
    expect(w.heard.lists[0]![0]!.node).toEqual({ name: "node-2", zone: "" });
  });
});
