// Actions in a lab with real agents: what they find, and that the schedule's numbers do not hear of them.
import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { ConnectResult } from "../../agent/actions/connect/action.ts";
import type { PingResult } from "../../agent/actions/ping/action.ts";
import type { Row } from "../../agent/model/snapshot.ts";
import { TOKEN_HEADER } from "../../agent/actions/lines.ts";
import { tokenFileOf } from "../../lab/agent-files.ts";
import { createLab, type Lab } from "../../lab/lab.ts";
import { parseExposition } from "../support/exposition-parser.ts";
import { fetchSocket } from "../support/fetch-socket.ts";
import { act } from "../support/lab-actions.ts";
import { needs } from "../support/needs.ts";

const { describe } = await needs("namespaces");

/** So rarely that what moves during a test is not the schedule's doing. */
const HOURLY = { networks: ["pod"] as ["pod"], intervalMs: 3_600_000 };

describe("actions", { timeout: 120_000 }, () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await createLab({
      nodes: 3,
      zones: 1,
      settings: { icmp: HOURLY, tcp: HOURLY, udp: HOURLY, pathMtu: { enabled: false } },
    });
    for (const node of ["node-1", "node-2"]) {
      const isComplete = async () => (await rowOf(node)).pairs.length === 6;
      await vi.waitUntil(isComplete, { timeout: 20_000, interval: 200 });
    }
  }, 60_000);
  afterEach(() => lab.clear());
  afterAll(() => lab[Symbol.asyncDispose]());

  const rowOf = async (node: string): Promise<Row> => {
    const text = await fetchSocket(lab.target(node, "http").path, "/api/v1/pairs").catch(() => '{"pairs":[]}');
    return JSON.parse(text) as Row;
  };

  const pinged = async (body: object): Promise<PingResult["slots"]> =>
    (await act(lab, "node-1", "ping", { target: "node-2", intervalMs: 100, ...body })).result![
      "slots"
    ] as PingResult["slots"];

  test("ping measures by every protocol at once, UDP too when there is one probe only", async () => {
    const slots = await pinged({ count: 1 });
    expect(slots.map(({ network, protocol }) => `${network} ${protocol}`)).toEqual(["pod icmp", "pod tcp", "pod udp"]);
    for (const { window } of slots) {
      expect(window).toMatchObject({ probes: 1, failures: 0 });
      expect(window.rttMeanNs).toBeGreaterThan(0);
    }
  });

  /** All that an agent reports of pairs, protocols and its answering end. */
  const reported = async (node: string): Promise<Readonly<Record<string, number>>> => {
    const { samples } = parseExposition(await fetchSocket(lab.target(node, "metrics").path, "/metrics"));
    const own = /^internode_(tick_lag|discovery|finding|judge|api|mesh_snapshot)/;
    const kept = samples.filter(({ name }) => name.startsWith("internode_") && !own.test(name));
    return Object.fromEntries(kept.map(({ name, labels, value }) => [`${name}${JSON.stringify(labels)}`, value]));
  };
  const rowNumbers = async (node: string) => {
    const { pairs, udpReceived, health } = await rowOf(node);
    return { pairs, udpReceived, reflector: health.reflector, socketDrops: health.socketDrops };
  };
  const prefixed = (node: string, numbers: object) =>
    Object.fromEntries(Object.entries(numbers).map(([name, value]) => [`${node} ${name}`, value as unknown]));

  test("a flood of actions moves no number that the schedule reports, at neither end", async () => {
    const all = async (): Promise<Readonly<Record<string, unknown>>> => {
      const told = await Promise.all(
        ["node-1", "node-2"].map(async (node) =>
          prefixed(node, { ...(await reported(node)), ...(await rowNumbers(node)) }),
        ),
      );
      return Object.assign({}, ...told) as Readonly<Record<string, unknown>>;
    };
    const carry = async (protocol: "tcp" | "udp") => {
      const body = { target: "node-2", protocol, seconds: 1, rateMbps: 5, networks: ["pod"] };
      const { result } = await act(lab, "node-1", "throughput", body);
      expect(result!["runs"]).toEqual([expect.not.objectContaining({ failed: expect.anything() })]);
    };
    const path = { target: "node-2", networks: ["pod"] };
    const flood = () =>
      Promise.all([
        act(lab, "node-1", "trace", { ...path, ports: 4, count: 2, intervalMs: 200 }),
        act(lab, "node-1", "mtu", path),
        carry("tcp").then(() => carry("udp")),
        ...[1, 2, 3, 4, 5, 6].map(() => pinged({ count: 20 }).catch(() => undefined)),
        ...[1, 2, 3, 4].map(() => shook(7_843)),
        ...[1, 2].map(() => act(lab, "node-2", "sweep", { count: 5, intervalMs: 200 })),
      ]);
    const moved = async () => {
      const before = await all();
      const done = await flood();
      expect(done.filter(Boolean).length).toBeGreaterThan(6);
      const after = await all();
      return Object.keys(after).filter((key) => JSON.stringify(after[key]) !== JSON.stringify(before[key]));
    };
    // What the schedule itself did within the last minute ages, and once in an hour it takes a turn.
    await expect.poll(moved, { timeout: 90_000, interval: 100 }).toEqual([]);
  });

  test.each([
    ["forward", "node-1->node-2"],
    ["reverse", "node-2->node-1"],
  ])("ping tells that UDP probes die on the way %s", async (way, link) => {
    await lab.inject(`loss ${link} 50%`);
    const [udp] = await pinged({ count: 30, timeoutMs: 300, protocols: ["udp"] });
    const { failures, lostForward, lostReverse } = udp!.window;
    expect(failures).toBeGreaterThan(3);
    expect(lostForward + lostReverse).toBeGreaterThan(0);
    expect(way === "forward" ? lostReverse : lostForward).toBe(0);
  });

  const shook = async (port: number): Promise<ConnectResult["handshakes"]> => {
    const body = { target: "node-2", port, networks: ["pod"], timeoutMs: 500 };
    return (await act(lab, "node-1", "connect", body)).result!["handshakes"] as ConnectResult["handshakes"];
  };

  test("connect tells an open port from a closed one, and both from one that a firewall drops or rejects", async () => {
    expect(await shook(7_843)).toEqual([expect.objectContaining({ came: "open", rttNs: expect.any(Number) })]);
    expect(await shook(9)).toEqual([expect.objectContaining({ came: "refused" })]);
    const { id } = await lab.inject("reject node-1->node-2 tcp");
    expect(await shook(7_843)).toEqual([expect.objectContaining({ came: "blocked" })]);
    await lab.clear(id);
    await lab.inject("drop node-1->node-2 on pod");
    expect(await shook(7_843)).toEqual([expect.objectContaining({ came: "silent" })]);
  });

  test("sweep has every agent probe every peer, and names those that could not be asked", async () => {
    const { lines } = await act(lab, "node-1", "sweep", { count: 1 });
    const rows = lines.flatMap((line) =>
      "row" in line ? [line["row"] as { source: { name: string }; pairs: Row["pairs"] }] : [],
    );
    expect(rows.map(({ source }) => source.name).sort()).toEqual(["node-1", "node-2", "node-3"]);
    for (const { pairs } of rows) {
      expect(pairs).toHaveLength(6);
      for (const { window } of pairs) expect(window).toMatchObject({ probes: 1, failures: 0 });
    }
    await lab.agent("node-3").kill();
    const without = await act(lab, "node-1", "sweep", { count: 1 });
    expect(without.result).toMatchObject({ rows: 2, missing: 1 });
    await lab.agent("node-3").start();
  });

  test("a known agent needs the token, and whoever is none is refused with the right one", async () => {
    const token = (await readFile(tokenFileOf(lab.directory), "utf8")).trim();
    const [target] = lab.node("node-1").podAddresses;
    /** The status and the words that a program in a node's pod gets, which calls from this address. */
    const from = async (localAddress: string, headers: Readonly<Record<string, string>>): Promise<string> => {
      const options = {
        host: target,
        port: 8_843,
        path: "/api/v1/actions/connect",
        method: "POST",
        localAddress,
        headers: { "Content-Type": "application/json", ...headers },
      };
      const program = `
        const ask = require("node:http").request(${JSON.stringify(options)}, (response) => {
          process.stdout.write(response.statusCode + " ");
          response.pipe(process.stdout);
        });
        ask.end('{"target":"node-2","port":7843}');`;
      return lab.run("node-2", process.execPath, ["-e", program]);
    };
    const agent = lab.node("node-2").podAddresses[0]!;
    expect(await from(agent, {})).toMatch(/^401 .*--token-file/);
    expect(await from(agent, { [TOKEN_HEADER]: "a-guess-of-the-right-length" })).toMatch(/^401 .*Secret/);
    expect(await from(agent, { [TOKEN_HEADER]: token })).toMatch(/^200 .*"result"/s);
    // Another pod of that node: an address of its range that discovery does not list.
    const stranger = agent.replace(/\d+$/, "77");
    await lab.run("node-2", "ip", ["addr", "add", `${stranger}/32`, "dev", "lo"]);
    await lab.runInNode("node-2", "ip", ["route", "add", `${stranger}/32`, "via", agent]);
    expect(await from(stranger, { [TOKEN_HEADER]: token })).toMatch(/^403 .*only for the agents of this mesh/);
  });
});
