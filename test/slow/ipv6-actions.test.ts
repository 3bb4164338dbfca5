// ping, trace, mtu and throughput by the command line where pods and the mesh have IPv6 alone, and the agents are user
// 65532 without a capability, as the chart runs them.
import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect } from "vitest";
import type { MtuReport } from "../../agent/actions/mtu/report.ts";
import type { PingResult } from "../../agent/actions/ping/action.ts";
import type { ThroughputReport } from "../../agent/actions/throughput/report.ts";
import type { TraceReport } from "../../agent/actions/trace/report.ts";
import { configFileOf, meshFileOf } from "../../lab/agent-files.ts";
import { createLab, type Lab } from "../../lab/lab.ts";
import { openLabDoor, type LabDoor } from "../support/lab-door.ts";
import { needs } from "../support/needs.ts";

const { describe, test } = await needs("namespaces");

const USER = "65532";
const UNPRIVILEGED = `setpriv --reuid=${USER} --regid=${USER} --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs`;

interface Concluded {
  readonly conclusion: { readonly isFault: boolean };
}
interface Document {
  readonly slots: PingResult["slots"];
  readonly traces: readonly (TraceReport & Concluded)[];
  readonly paths: readonly (MtuReport & Concluded)[];
  readonly runs: readonly ThroughputReport[];
}

/** The same file without any address of IPv4. */
async function leaveIpv6(file: string): Promise<void> {
  const drop = (_: string, value: unknown): unknown =>
    Array.isArray(value) ? value.filter((one) => typeof one !== "string" || !/^\d+\.\d+\./.test(one)) : value;
  const text = await readFile(file, "utf8");
  await writeFile(file, JSON.stringify(JSON.parse(text, drop)));
}

describe("by agents without any right, with IPv6 alone,", () => {
  let lab: Lab;
  let door: LabDoor;
  beforeAll(async () => {
    lab = await createLab({
      nodes: 3,
      zones: 1,
      ipv6: true,
      hostPorts: true,
      agents: false,
      agentsAs: UNPRIVILEGED.split(" "),
      settings: { families: "primary" },
    });
    await leaveIpv6(meshFileOf(lab.directory));
    for (const { name } of lab.nodes) {
      await leaveIpv6(configFileOf(lab.directory, name));
      await lab.run(name, "ip", ["-4", "addr", "flush", "dev", "eth0"]);
      await lab.run(name, "sysctl", ["-qw", `net.ipv4.ping_group_range=${USER} ${USER}`]);
    }
    await lab.run("node-1", "chown", ["-R", USER, lab.directory]);
    await Promise.all(lab.nodes.map(({ name }) => lab.agent(name).start()));
    door = await openLabDoor(lab);
  });
  afterAll(async () => {
    await door?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  async function json(...words: readonly string[]): Promise<Document> {
    const { code, out, err } = await door.internode([...words, "-o", "json"]);
    expect([code, err]).toEqual([0, ""]);
    return JSON.parse(out) as Document;
  }

  test("they are that user, and have no capability", async () => {
    for (const { name } of lab.nodes) {
      const status = await readFile(`/proc/${lab.agent(name).pid}/status`, "utf8");
      expect(status).toMatch(new RegExp(`^Uid:\\t${USER}\\t${USER}\\t${USER}\\t${USER}$`, "m"));
      for (const set of ["Inh", "Prm", "Eff", "Bnd", "Amb"])
        expect(status).toMatch(new RegExp(`^Cap${set}:\\t0{16}$`, "m"));
    }
  });

  test("a ping probes by every protocol on both networks", async () => {
    const { slots } = await json("ping", "node-1", "node-2", "-c", "2", "-i", "0.2");
    expect(slots.map(({ network, protocol, family }) => `${network} ${protocol} ${family}`).toSorted()).toEqual(
      ["node", "pod"].flatMap((network) => ["icmp", "tcp", "udp"].map((protocol) => `${network} ${protocol} ipv6`)),
    );
    for (const { window } of slots) expect(window).toMatchObject({ probes: 2, failures: 0 });
  });

  test("a trace reaches the other node both ways", async () => {
    const { traces } = await json("trace", "node-1", "node-2", "--ports", "2");
    expect(traces.map(({ from, network, family }) => `${from} ${network} ${family}`)).toEqual([
      "node-1 pod ipv6",
      "node-1 node ipv6",
      "node-2 pod ipv6",
      "node-2 node ipv6",
    ]);
    for (const { conclusion, ends } of traces) {
      expect(conclusion).toMatchObject({ isFault: false });
      expect(ends).toHaveLength(2);
    }
  });

  test("the largest packet that passes is found both ways", async () => {
    const { paths } = await json("mtu", "node-1", "node-2");
    expect(paths.map(({ network, family, passesBytes }) => `${network} ${family} ${passesBytes}`)).toEqual([
      "pod ipv6 1450",
      "node ipv6 1450",
      "pod ipv6 1450",
      "node ipv6 1450",
    ]);
  });

  test.each(["tcp", "udp"])("throughput is measured by %s", async (protocol) => {
    const words = ["throughput", "node-1", "node-2", "--yes", "-t", "1", "--rate", "5", "--network", "pod"];
    const { runs } = await json(...words, "--protocol", protocol);
    expect(runs).toEqual([expect.objectContaining({ family: "ipv6", received: expect.anything() })]);
    expect(runs[0]!.received!.bytes).toBe(runs[0]!.sent!.bytes);
  });
});
