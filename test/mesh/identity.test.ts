import { afterEach, describe, expect, test, vi } from "vitest";
import { createJsonClient, type JsonClient } from "../../agent/mesh/fetch-json.ts";
import { Identities, type IdentitiesOptions } from "../../agent/mesh/identity.ts";
import { readIdentity } from "../../agent/mesh/identity-answer.ts";
import type { Addresses } from "../../agent/model/peer.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { identityDocument, startIdentityServer, type IdentityServer } from "../support/identity-server.ts";

describe("an answer", () => {
  const read = (document: unknown) => readIdentity(document);

  test("tells the node's addresses and those it relays", () => {
    const answer = read(
      identityDocument("node-2", { ipv4: "192.168.0.2", ipv6: "FD01::02" }, { "node-3": { ipv4: "192.168.0.3" } }),
    );
    expect(answer.nodeName).toBe("node-2");
    expect(answer.nodeAddresses).toEqual({ ipv4: "192.168.0.2", ipv6: "fd01::2" });
    expect(answer.relayed).toEqual(new Map([["node-3", { ipv4: "192.168.0.3" }]]));
  });

  test("of a newer peer that says more is understood", () => {
    expect(read({ ...identityDocument("node-2", {}), colour: "blue" }).nodeAddresses).toEqual({});
  });

  test("without anything relayed is understood", () => {
    const { relayed: _, ...rest } = identityDocument("node-2", { ipv4: "192.168.0.2" });
    expect(read(rest).relayed.size).toBe(0);
  });

  test.each([
    [null, "no identity of schema version 1"],
    ["text", "no identity"],
    [{ ...identityDocument("node-2", {}), schemaVersion: 2 }, "schemaVersion"],
    [{ ...identityDocument("node-2", {}), nodeAddresses: { ipv4: 7 } }, "nodeAddresses.ipv4"],
    [
      {
        ...identityDocument("node-2", {}),
        relayed: Array.from({ length: 5_001 }, () => ({ node: "a", nodeAddresses: {} })),
      },
      "relayed",
    ],
  ])("%j is refused", (document, expected) => {
    expect(() => read(document)).toThrow(expected);
  });

  test("keeps what is no address as it was said, for membership to refuse with the reason", () => {
    const answer = read(identityDocument("node-2", { ipv4: "169.254.169.254", ipv6: "eth0" }));
    expect(answer.nodeAddresses).toEqual({ ipv4: "169.254.169.254", ipv6: "eth0" });
  });
});

describe("asking", () => {
  const stack: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const resource of stack.splice(0).toReversed()) await resource[Symbol.asyncDispose]();
  });
  const until = (check: () => void) => vi.waitFor(check, { timeout: 15_000, interval: 10 });

  async function peer(number: number, port: number, answer: unknown): Promise<IdentityServer> {
    const server = await startIdentityServer(`127.0.77.${number}`, port, answer);
    stack.push(server);
    return server;
  }

  function asking(port: number, changes: Partial<IdentitiesOptions> = {}) {
    const clock = new FakeClock();
    const client: JsonClient = createJsonClient();
    let changed = 0;
    const identities = new Identities({
      clock,
      port,
      fetchJson: client.fetchJson,
      changed: () => (changed += 1),
      ...changes,
    });
    stack.push(client, identities);
    return {
      clock,
      identities,
      changed: () => changed,
      nodeAddresses: (name: string) => ({ ...identities.relayed(name), ...identities.own(name) }),
      pass(seconds: number) {
        clock.advanceMs(seconds * 1_000);
        identities.advance();
      },
    };
  }
  const target = (number: number, endpointId = `uid-${number}`) => ({
    nodeName: `node-${number}`,
    endpointId,
    serving: true,
    podAddresses: { ipv4: `127.0.77.${number}` } as Addresses,
    isNeeded: true,
  });

  test("learns each peer's own word, and says that something changed", async () => {
    const two = await peer(2, 0, identityDocument("node-2", { ipv4: "192.168.0.2" }));
    await peer(3, two.port, identityDocument("node-3", { ipv4: "192.168.0.3" }));
    const { identities, changed, nodeAddresses } = asking(two.port);
    identities.follow([target(2), target(3)]);
    await until(() => expect(identities.state()).toEqual({ known: 2, missing: [], errors: 0 }));
    expect(nodeAddresses("node-2")).toEqual({ ipv4: "192.168.0.2" });
    expect(changed()).toBe(2);
    expect(two.requests).toBe(1);
  });

  test("believes others of a peer that cannot be asked, but its own word wins when it comes", async () => {
    const two = await peer(
      2,
      0,
      identityDocument("node-2", {}, { "node-3": { ipv4: "192.168.0.33" }, "node-8": { ipv4: "192.168.0.8" } }),
    );
    const { identities, pass, nodeAddresses } = asking(two.port);
    identities.follow([target(2), target(3)]);
    await until(() => expect(nodeAddresses("node-3")).toEqual({ ipv4: "192.168.0.33" }));
    expect(nodeAddresses("node-8"), "node-8 is not in the slices").toEqual({});
    await peer(3, two.port, identityDocument("node-3", { ipv4: "192.168.0.3" }));
    pass(120);
    await until(() => expect(nodeAddresses("node-3")).toEqual({ ipv4: "192.168.0.3" }));
    two.answer = identityDocument("node-2", {}, { "node-3": { ipv4: "192.168.0.66" } });
    pass(700);
    await until(() => expect(two.requests).toBe(2));
    expect(nodeAddresses("node-3")).toEqual({ ipv4: "192.168.0.3" });
  });

  test("a peer that does not know its own address is known by what others say, in whatever order they come", async () => {
    const two = await peer(2, 0, identityDocument("node-2", {}, { "node-3": { ipv4: "192.168.0.3" } }));
    const three = await peer(3, two.port, identityDocument("node-3", {}));
    const { identities, pass, nodeAddresses } = asking(two.port);
    identities.follow([target(2), target(3)]);
    await until(() => expect(identities.state().known).toBe(2));
    expect(nodeAddresses("node-3")).toEqual({ ipv4: "192.168.0.3" });
    pass(700);
    await until(() => expect(three.requests).toBe(2));
    await until(() => expect(nodeAddresses("node-3")).toEqual({ ipv4: "192.168.0.3" }));
  });

  test("of contradicting relays the majority is believed", async () => {
    const two = await peer(2, 0, identityDocument("node-2", {}, { "node-9": { ipv4: "192.168.0.66" } }));
    await peer(3, two.port, identityDocument("node-3", {}, { "node-9": { ipv4: "192.168.0.9" } }));
    await peer(4, two.port, identityDocument("node-4", {}, { "node-9": { ipv4: "192.168.0.9" } }));
    const { identities, nodeAddresses } = asking(two.port);
    identities.follow([target(2), target(3), target(4), target(9)]);
    await until(() => expect(identities.state().known).toBe(3));
    expect(nodeAddresses("node-9")).toEqual({ ipv4: "192.168.0.9" });
  });

  test.each([
    ["refuses", { status: 503 }, "status 503"],
    ["sends elsewhere", { status: 302 }, "status 302"],
    ["answers no JSON", { raw: "<html>" }, "JSON"],
    ["answers without end", { raw: `"${"x".repeat(3 * 1024 * 1024)}"` }, "size"],
    ["is another node", identityDocument("node-7", { ipv4: "192.168.0.7" }), "node node-7 answered at 127.0.77.2"],
  ])("a peer that %s teaches nothing, is counted, and is asked again", async (_, answer, expected) => {
    const two = await peer(2, 0, answer);
    const { identities, pass, nodeAddresses } = asking(two.port);
    identities.follow([target(2)]);
    await until(() => expect(identities.state().errors).toBe(1));
    expect(identities.state().missing[0]!.error).toContain(expected);
    expect(nodeAddresses("node-2")).toEqual({});
    two.answer = identityDocument("node-2", { ipv4: "192.168.0.2" });
    pass(2);
    await until(() => expect(nodeAddresses("node-2")).toEqual({ ipv4: "192.168.0.2" }));
  });

  test("a peer that never answers is given up and does not hold up the others", async () => {
    const silent = await Promise.all([2, 3, 4].map((number) => peer(number, 0, "silence")));
    const { port } = silent[0]!;
    await peer(5, port, identityDocument("node-5", { ipv4: "192.168.0.5" }));
    const { identities, nodeAddresses } = asking(port);
    identities.follow([target(2), target(5)]);
    await until(() => expect(nodeAddresses("node-5")).toEqual({ ipv4: "192.168.0.5" }));
    await until(() =>
      expect(identities.state().missing[0]!.error).toMatch(/^127\.0\.77\.2:\d+: no answer within 3 s$/),
    );
  });

  test("a new pod is asked at once, and what the old one said stays until it answers", async () => {
    const two = await peer(2, 0, identityDocument("node-2", { ipv4: "192.168.0.2" }));
    const { identities, nodeAddresses } = asking(two.port);
    identities.follow([target(2)]);
    await until(() => expect(identities.state().known).toBe(1));
    two.answer = { status: 503 };
    identities.follow([target(2, "uid-new")]);
    await until(() => expect(two.requests).toBe(2));
    expect(nodeAddresses("node-2")).toEqual({ ipv4: "192.168.0.2" });
  });

  test("what a peer said is asked again after ten minutes, not before five", async () => {
    const two = await peer(2, 0, identityDocument("node-2", { ipv4: "192.168.0.2" }));
    const { identities, pass, nodeAddresses } = asking(two.port);
    identities.follow([target(2)]);
    await until(() => expect(identities.state().known).toBe(1));
    two.answer = identityDocument("node-2", { ipv4: "192.168.0.22" });
    pass(299);
    expect(identities.state().known).toBe(1);
    expect(two.requests).toBe(1);
    pass(301);
    await until(() => expect(nodeAddresses("node-2")).toEqual({ ipv4: "192.168.0.22" }));
  });

  test("says which node answered at an address, and forgets it with the pod", async () => {
    const two = await peer(2, 0, identityDocument("node-7", {}));
    const { identities, changed, pass } = asking(two.port);
    identities.follow([{ ...target(2), isNeeded: false }]);
    await until(() => expect(identities.answeredAt("127.0.77.2")).toBe("node-7"));
    expect(changed()).toBe(1);
    two.answer = identityDocument("node-2", {});
    pass(61);
    await until(() => expect(identities.answeredAt("127.0.77.2"), "an impostor is asked again soon").toBe("node-2"));
    two.answer = { status: 503 };
    identities.follow([{ ...target(2, "uid-new"), isNeeded: false }]);
    expect(identities.answeredAt("127.0.77.2")).toBeUndefined();
    identities.follow([]);
    await until(() => expect(two.requests).toBe(3));
  });

  test("a peer that begins or ceases to serve, or moves, is asked at once", async () => {
    const two = await peer(2, 0, identityDocument("node-2", {}));
    const { identities } = asking(two.port);
    identities.follow([target(2)]);
    await until(() => expect(identities.state().known).toBe(1));
    identities.follow([target(2)]);
    expect(two.requests).toBe(1);
    identities.follow([{ ...target(2), serving: false }]);
    await until(() => expect(two.requests).toBe(2));
    const moved = await peer(3, two.port, identityDocument("node-2", {}));
    identities.follow([{ ...target(2), serving: false, podAddresses: { ipv4: "127.0.77.3" } }]);
    await until(() => expect(moved.requests).toBe(1));
  });

  test("a peer that need not tell anything is asked seldom while it does not answer", async () => {
    let asked = 0;
    const fetchJson = () => {
      asked += 1;
      return Promise.reject(new Error("unreachable"));
    };
    const { identities, pass } = asking(1, { fetchJson, backoff: { baseMs: 1_000, capMs: 2_000 } });
    identities.follow([{ ...target(2), isNeeded: false }]);
    for (let minute = 0; minute < 600; minute += 1) {
      pass(60);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(asked, "in ten hours").toBeGreaterThan(60);
    expect(asked).toBeLessThan(300);
  });

  test("asks no more than eight at a time, and all in the end", async () => {
    let open = 0;
    let most = 0;
    const fetchJson = async (url: string) => {
      most = Math.max(most, (open += 1));
      await new Promise((resolve) => setImmediate(resolve));
      open -= 1;
      const number = /127\.0\.77\.(\d+)/.exec(url)![1]!;
      return identityDocument(`node-${number}`, { ipv4: `192.168.0.${number}` });
    };
    const { identities } = asking(1, { fetchJson });
    identities.follow(Array.from({ length: 100 }, (_, i) => target(i + 2)));
    await until(() => expect(identities.state().known).toBe(100));
    expect(most).toBe(8);
  });

  test("with two families they take turns, after a failure and after an answer", async () => {
    const urls: string[] = [];
    const fetchJson = (url: string) => {
      urls.push(url);
      return url.includes("[fd00::2]")
        ? Promise.resolve(identityDocument("node-2", { ipv6: "fd01::2" }))
        : Promise.reject(new Error("unreachable"));
    };
    const { identities, pass } = asking(8_843, { fetchJson });
    identities.follow([{ ...target(2), podAddresses: { ipv4: "10.0.0.2", ipv6: "fd00::2" } }]);
    await until(() => expect(identities.state().errors).toBe(1));
    pass(2);
    await until(() => expect(identities.state().known).toBe(1));
    pass(700);
    await until(() => expect(urls).toHaveLength(3));
    expect(urls).toEqual([
      "http://10.0.0.2:8843/api/v1/identity",
      "http://[fd00::2]:8843/api/v1/identity",
      "http://10.0.0.2:8843/api/v1/identity",
    ]);
  });

  test("a peer that left is forgotten, also when its answer is still on the way", async () => {
    const pending = Promise.withResolvers<unknown>();
    const { identities, changed, nodeAddresses } = asking(1, { fetchJson: () => pending.promise });
    identities.follow([target(2)]);
    identities.follow([]);
    pending.resolve(identityDocument("node-2", { ipv4: "192.168.0.2" }));
    await pending.promise;
    await new Promise((resolve) => setImmediate(resolve));
    expect(nodeAddresses("node-2")).toEqual({});
    expect(changed()).toBe(0);
  });

  test("what a peer relays is not believed when it arrives after that peer has left", async () => {
    const pending = Promise.withResolvers<unknown>();
    const fetchJson = (url: string) =>
      url.includes("127.0.77.2") ? pending.promise : Promise.reject(new Error("unreachable"));
    const { identities, nodeAddresses } = asking(1, { fetchJson });
    identities.follow([target(2), target(3)]);
    identities.follow([target(3)]);
    pending.resolve(identityDocument("node-2", {}, { "node-3": { ipv4: "192.168.0.66" } }));
    await pending.promise;
    await new Promise((resolve) => setImmediate(resolve));
    expect(nodeAddresses("node-3")).toEqual({});
  });

  test("disposal ends what is under way, without an error", async () => {
    const two = await peer(2, 0, "silence");
    const { identities } = asking(two.port);
    identities.follow([target(2)]);
    await until(() => expect(two.requests).toBe(1));
    await identities[Symbol.asyncDispose]();
    await identities[Symbol.asyncDispose]();
    expect(identities.state().errors).toBe(0);
  });
});
