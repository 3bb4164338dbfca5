// Host views in the nodes of a lab: what agents read from them, and that the judges name the entry that is wrong as the cause
// of what is lost.
import { afterAll, beforeAll } from "vitest";
import { nodeViewSchema, itemsOf, type NodeView } from "../../agent/model/node-view.ts";
import type { Lab } from "../../lab/lab.ts";
import { needs } from "../support/needs.ts";
import { ask, OFTEN, until, ViewedLab } from "../support/viewed-lab.ts";

const { describe, test } = await needs("namespaces");

describe("with host views in a lab", { timeout: 900_000, concurrent: false }, () => {
  let viewed: ViewedLab;
  let lab: Lab;
  let victim: string;
  let other: string;
  beforeAll(async () => {
    viewed = await ViewedLab.open({
      nodes: 4,
      settings: { udp: OFTEN, tcp: OFTEN, pathMtu: { intervalMs: 10_000 } },
    });
    ({ lab, victim, other } = viewed);
  });
  afterAll(() => viewed?.[Symbol.asyncDispose]());

  test("an agent reads each node's kernel", async ({ expect }) => {
    const view = await until("a view of another node", async () => {
      const answer = await ask<NodeView>(lab, viewed.judge, `/api/v1/node?of=${victim}&namespace=host`);
      return "schemaVersion" in answer ? answer : undefined;
    });
    expect(nodeViewSchema.parse(view)).toMatchObject({ namespace: "host", node: { name: victim } });
    expect(itemsOf(view.interfaces).find(({ kind }) => kind === "vxlan")).toMatchObject({
      name: "vxlan0",
      tunnel: { id: 1, local: lab.node(victim).nodeAddresses[0] },
    });
    expect(itemsOf(view.forwarding).filter(({ device }) => device === "vxlan0")).toHaveLength(3);
  });

  test("a deleted route is the cause of a pair that is cut", async ({ expect }) => {
    const subnet = `10\\.244\\.${lab.node(other).number}\\.0/24`;
    const cut = await viewed.explained(
      `unroute ${victim}->${other}`,
      new RegExp(`^${victim} has no route to ${subnet} of ${other} \\(every other node( that answered)? has one, by `),
      { code: "IN-PAIR-CUT" },
    );
    expect(cut).toMatchObject({ next: `internode routes ${victim} ${other}` });
  });

  test("so is a wrong forwarding entry", async ({ expect }) => {
    const wrong = await viewed.explained(
      `misdirect ${victim}->${other}`,
      new RegExp(`^${victim} sends what is for ${other} by vxlan0 to 10\\.10\\.0\\.254, which is no address of a node`),
      { code: "IN-PAIR-CUT" },
    );
    expect(wrong).toMatchObject({ next: `internode neighbours ${victim} ${other}` });
  });

  test("a tunnel address that all others have wrong is the cause of a node that is lost to them", async ({
    expect,
  }) => {
    const wrong = await viewed.explained(
      `misdirect all->${victim}`,
      new RegExp(`^3 of 3 other nodes send what is for ${victim} by vxlan0 to 10\\.10\\.0\\.254, which is no address`),
      { code: "IN-POD-NETWORK", node: victim },
    );
    expect(wrong).toMatchObject({ next: `internode neighbours ${victim}` });
  });

  test("connection tracking that is full is the cause of a node to which no new connection gets through", async ({
    expect,
  }) => {
    const full = await viewed.explained(
      `conntrack-full ${victim}`,
      new RegExp(
        `^connection tracking of ${victim} is full: \\d+ of \\d+ entries \\(net\\.netfilter\\.nf_conntrack_max\\)`,
      ),
      { node: victim },
    );
    expect(full).toMatchObject({ next: `internode counters ${victim}` });
    expect(full.causes[0]).toMatchObject({ kind: "conntrack-full", for: ["the kernels of the nodes say so"] });
  });

  // Half of what it sends is lost, and its host view is still read.
  test("a queue that is full is the cause of what a node loses", async ({ expect }) => {
    const full = await viewed.explained(
      `throttle ${victim} 64kbit`,
      new RegExp(
        `^eth0 of ${victim} dropped \\d+ of \\d+ packets that were to be sent in \\d+ s, because its queue was full`,
      ),
      { node: victim },
    );
    expect(full).toMatchObject({ next: `internode counters ${victim}` });
    expect(full.causes[0]!.kind).toBe("queue");
  });

  test("a link with a smaller MTU than its peers' is the cause of large packets that vanish", async ({ expect }) => {
    const small = await viewed.explained(
      `link-mtu ${victim} 1400`,
      new RegExp(`^eth0 of ${victim} has MTU 1400 \\(every other node( that answered)?: 1500\\)`),
      { code: "IN-PATH-MTU" },
    );
    expect(small).toMatchObject({ next: `internode interfaces ${victim}` });
    expect(small.causes[1]!.text).toContain(`vxlan0 of ${victim} has MTU 1450, which with 50 bytes of vxlan in front`);
  });
});
