// Masquerading and addresses of two nodes: both are findings only when two agents tell them.
import { describe, expect, test } from "vitest";
import { evidenceFromSnapshot } from "../../../agent/diagnosis/evidence/from-snapshot.ts";
import { Judge } from "../../../agent/diagnosis/judge.ts";
import type { NetworkCheckName, Verdict } from "../../../agent/model/finding.ts";
import type { Snapshot } from "../../../agent/model/snapshot.ts";
import { sampleSnapshot } from "../../support/sample-mesh.ts";

const MESH = sampleSnapshot({ nodes: 5, zones: 1 });
const addressOf = (node: string) => `10.244.${node.slice("node-".length)}.2`;

/** By the judge's own discovery; `shared`: these have the address of node-1 too. */
const known = (shared: readonly string[] = []) =>
  new Map(
    MESH.nodes.map(({ name }) => [
      name,
      { addresses: { pod: { ipv4: addressOf(shared.includes(name) ? "node-1" : name) }, node: {} } },
    ]),
  );

/** `as`: what `by` sees of `source`; undefined: it does not tell. */
const seen = (as: (source: string, by: string) => string | undefined): Snapshot => ({
  ...MESH,
  rows: MESH.rows.map((row) => ({
    ...row,
    pairs: row.pairs.map((pair) => {
      const seenAs = pair.protocol === "udp" ? as(row.source.name, pair.destination.name) : undefined;
      return { ...pair, ...(seenAs !== undefined && { seenAs }) };
    }),
  })),
});

function judged(snapshot: Snapshot, addresses = known()): Verdict {
  const judge = new Judge();
  let verdict: Verdict | undefined;
  for (let i = 0; i < 3; i++) {
    const at = new Date(Date.parse(snapshot.at) + i * 10_000).toISOString();
    const rows = snapshot.rows.map((row) => ({ ...row, at }));
    verdict = judge.judge(evidenceFromSnapshot({ ...snapshot, at, rows }, addresses));
  }
  return verdict!;
}

const checkOf = ({ checks }: Verdict, name: NetworkCheckName) => checks.find((check) => check.name === name)!;

describe("pods that others see under another address", () => {
  test("are masqueraded when two nodes say so, with what speaks for and against it, and the check is broken", () => {
    const verdict = judged(
      seen((source, by) => (source === "node-2" && by !== "node-5" ? "10.244.2.0" : addressOf(source))),
    );
    expect(verdict.findings).toMatchObject([
      {
        code: "IN-MASQUERADE",
        subject: { kind: "node", node: "node-2" },
        scope: { network: "pod" },
        causes: [
          {
            kind: "masquerade-rule",
            for: ["3 nodes see its pods as 10.244.2.0"],
            against: ["1 node sees the pods' own address"],
          },
        ],
      },
    ]);
    expect(checkOf(verdict, "no-nat")).toMatchObject({ state: "broken", findings: [verdict.findings[0]!.id] });
  });

  test("are none on the word of one node, and then it is not sure that there is no NAT", () => {
    const verdict = judged(
      seen((source, by) => (source === "node-2" && by === "node-1" ? "192.0.2.7" : addressOf(source))),
    );
    expect(verdict.findings).toEqual([]);
    expect(checkOf(verdict, "no-nat")).toMatchObject({ state: "unknown" });
    expect(checkOf(verdict, "no-nat").text).toContain("another address is seen on 1 pair of 20");
  });

  test("that others see as they are prove that there is no NAT; when nobody tells it is not visible", () => {
    expect(checkOf(judged(seen(addressOf)), "no-nat")).toMatchObject({ state: "holds" });
    const silent = checkOf(judged(MESH), "no-nat");
    expect(silent).toMatchObject({ state: "unknown" });
    expect(silent.text).toContain("not visible");
  });

  test("say nothing once everything to those who saw it is lost", () => {
    const snapshot = seen((source) => (source === "node-2" ? "10.244.2.0" : addressOf(source)));
    const rows = snapshot.rows.map((row) => ({
      ...row,
      pairs: row.pairs.map((pair) =>
        pair.seenAs === "10.244.2.0"
          ? {
              ...pair,
              window: { ...pair.window, failures: pair.window.probes, rttMeanNs: undefined, rttMinNs: undefined },
            }
          : pair,
      ),
    }));
    expect(judged({ ...snapshot, rows }).findings.map(({ code }) => code)).not.toContain("IN-MASQUERADE");
  });
});

describe("a node that is masqueraded and judges, so that most others refuse it their rows", () => {
  const only = (snapshot: Snapshot, names: readonly string[]): Snapshot => ({
    ...snapshot,
    by: { name: "node-2", zone: "zone-a" },
    rows: snapshot.rows.filter(({ source }) => names.includes(source.name)),
    missing: MESH.nodes.filter(({ name }) => !names.includes(name)).map((node) => ({ node, reason: "403" })),
  });
  const masqueraded = seen((source) => (source === "node-2" ? "10.244.2.0" : addressOf(source)));

  test.each([[["node-2"]], [["node-2", "node-4"]]])("tells what it knows first, with the rows of %j", (names) => {
    const verdict = judged(only(masqueraded, names));
    expect(verdict.findings.map(({ code }) => code).sort()).toEqual(["IN-MASQUERADE", "IN-UNSEEN"]);
    expect(verdict.state).toBe("broken");
    expect(verdict.text).toBe(
      `Others see the pods of node node-2 under another address: traffic between pods is masqueraded. Of the rest little is seen from here: ${5 - names.length} of 5 rows are missing.`,
    );
  });

  test("decides nothing when it knows nothing, or may be the one that is cut off", () => {
    expect(judged(only(MESH, ["node-2"]))).toMatchObject({
      state: "undecided",
      text: "It cannot be decided from here: 4 of 5 rows are missing.",
    });
    const cutOff = sampleSnapshot({
      nodes: 5,
      zones: 1,
      loss: ["node-1", "node-3", "node-4", "node-5"].map((to) => ({ from: "node-2", to, ratio: 1 })),
    });
    const verdict = judged(only(cutOff, ["node-2"]));
    expect(verdict.findings.length).toBeGreaterThan(0);
    expect(verdict).toMatchObject({
      state: "undecided",
      text: expect.stringMatching(/^It cannot be decided/) as string,
    });
  });
});

describe("an address of two nodes", () => {
  const toldBy = (tellers: readonly string[]): Snapshot => ({
    ...MESH,
    rows: MESH.rows.map((row) => ({
      ...row,
      unprobed: tellers.includes(row.source.name)
        ? [{ destination: MESH.nodes[2]!, reason: "identity", text: "node-2 answers there" }]
        : [],
    })),
  });

  test("is one when two agents meet another node there", () => {
    const verdict = judged(toldBy(["node-1", "node-4"]));
    expect(verdict.findings).toMatchObject([
      {
        code: "IN-ADDRESS-TWICE",
        subject: { kind: "node", node: "node-3" },
        causes: [
          {
            kind: "address-conflict",
            for: ["another node answers there, or has it too, as node-1 and node-4 tell"],
            against: [],
          },
        ],
      },
    ]);
    expect(checkOf(verdict, "unique-addresses")).toMatchObject({ state: "broken" });
  });

  test("is none on the word of one agent, nor on that of the accused about itself", () => {
    expect(judged(toldBy(["node-1"])).findings).toEqual([]);
    expect(judged(toldBy(["node-1", "node-3"])).findings).toEqual([]);
  });

  test("is one when the judge's own discovery lists it twice, though no agent has met the other one yet", () => {
    expect(judged(MESH, known(["node-3"])).findings).toMatchObject([
      {
        code: "IN-ADDRESS-TWICE",
        subject: { node: "node-3" },
        causes: [
          { for: ["by discovery 10.244.1.2 is node-1's as well"], against: [expect.stringContaining("no agent")] },
        ],
      },
    ]);
  });
});

test("a rollout in which some rows tell hops and addresses and others do not yet opens no finding", () => {
  const newer = seen((source) => addressOf(source));
  const judge = new Judge();
  for (let i = 0; i < 30; i++) {
    const at = new Date(Date.parse(MESH.at) + i * 10_000).toISOString();
    const rows = MESH.rows.map((older, node) => {
      const isNew = i >= 3 * (node + 1);
      const row = isNew ? newer.rows[node]! : older;
      const hops = { now: 3 };
      return { ...row, at, pairs: row.pairs.map((pair) => (isNew ? { ...pair, hops, hopsThere: hops } : pair)) };
    });
    const verdict = judge.judge(evidenceFromSnapshot({ ...MESH, at, rows }, known()));
    expect(verdict.findings, `${i * 10} s`).toEqual([]);
    expect(checkOf(verdict, "no-nat").state).toBe(i < 3 ? "unknown" : "holds");
  }
});
