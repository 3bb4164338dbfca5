// Some real minutes: what agents' rows and the judges say of faults that must be told apart from plain loss. One after the
// other, since a machine of two cores starves more agents than that.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { judgeOrder } from "../../agent/judge/order.ts";
import type { Finding, Verdict } from "../../agent/model/finding.ts";
import type { Row } from "../../agent/model/snapshot.ts";
import { createLab, type Lab, type LabOptions } from "../../lab/lab.ts";
import { fetchSocket } from "../support/fetch-socket.ts";
import { nameOf } from "../support/finding-names.ts";
import { needs } from "../support/needs.ts";
import { OFTEN } from "../support/viewed-lab.ts";

const { describe } = await needs("namespaces");

const WITHIN_MS = 180_000;

/** A lab, and the names of those nodes that judge last: what is broken must not be the judge. */
class JudgedLab implements AsyncDisposable {
  readonly lab: Lab;
  readonly judge: string;
  readonly victims: readonly string[];

  private constructor(lab: Lab) {
    this.lab = lab;
    const order = judgeOrder(lab.nodes, undefined).map(({ name }) => name);
    this.judge = order[0]!;
    this.victims = order.toReversed();
  }

  static async open(options: LabOptions): Promise<JudgedLab> {
    return new JudgedLab(await createLab({ zones: 1, ...options }));
  }

  /** What is wrong but a machine that is too busy for this test. */
  async findings(): Promise<readonly Finding[]> {
    const text = await fetchSocket(this.lab.target(this.judge, "http").path, "/api/v1/verdict");
    return (JSON.parse(text) as Verdict).findings.filter(({ code }) => code !== "IN-AGENT-STARVED");
  }

  async rowOf(node: string): Promise<Row> {
    return JSON.parse(await fetchSocket(this.lab.target(node, "http").path, "/api/v1/pairs")) as Row;
  }

  async until(what: string, isSo: (findings: readonly Finding[]) => boolean): Promise<readonly Finding[]> {
    let last: readonly Finding[] | undefined;
    for (const endMs = Date.now() + WITHIN_MS; Date.now() < endMs; await sleep(500)) {
      last = await this.findings().catch(() => undefined);
      if (last && isSo(last)) return last;
    }
    throw new Error(`never ${what}; last: ${last?.map(nameOf).join("; ")}`);
  }

  /** From a mesh in which nothing is wrong: breaks it, until the judges name it; then clears it and waits until they say nothing. */
  async named(
    fault: string,
    finding: string,
    meanwhile: () => Promise<void> = () => Promise.resolve(),
  ): Promise<Finding> {
    await this.until("nothing", (findings) => findings.length === 0);
    const { id } = await this.lab.inject(fault);
    let findings: readonly Finding[];
    try {
      findings = await this.until(finding, (findings) => findings.some((one) => nameOf(one) === finding));
      await meanwhile();
    } finally {
      await this.lab.clear(id);
    }
    await this.until(`over: ${finding}`, (findings) => findings.length === 0);
    return findings.find((one) => nameOf(one) === finding)!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]();
  }
}

const pairOf = (a: string, b: string): string => [a, b].sort().join();

describe("the judges name", { timeout: 1_200_000, concurrent: false, retry: 1 }, () => {
  describe("in a lab of five nodes", () => {
    let judged: JudgedLab;
    let victim: string;
    let other: string;
    beforeAll(async () => {
      judged = await JudgedLab.open({
        nodes: 5,
        dns: true,
        servicePath: true,
        settings: { udp: OFTEN, servicePath: OFTEN },
      });
      [victim, other] = judged.victims as [string, string];
    });
    afterAll(() => judged?.[Symbol.asyncDispose]());

    test.each(["silent", "servfail"])("a node to which DNS is %s", async (how) => {
      const { scope } = await judged.named(`dns ${victim} ${how}`, `IN-DNS ${victim}`, async () => {
        const { dns } = await judged.rowOf(victim);
        expect(dns!.reduce((sum, { failures }) => sum + failures, 0)).toBeGreaterThan(0);
        const fine = await judged.rowOf(other);
        expect(fine.dns!.reduce((sum, { failures }) => sum + failures, 0)).toBe(0);
      });
      expect(scope).toEqual({});
    });

    test("a node that cannot reach the Service, whose pods are fine", async () => {
      await judged.named(`service-path ${victim}`, `IN-SERVICE-PATH ${victim}`, async () => {
        const { servicePath } = await judged.rowOf(victim);
        expect(servicePath!.paths[0]!.reasons.timeout).toBeGreaterThan(0);
      });
    });
  });

  describe("in a lab of five nodes without a Service", () => {
    let judged: JudgedLab;
    let victim: string;
    let other: string;
    beforeAll(async () => {
      judged = await JudgedLab.open({ nodes: 5, settings: { udp: OFTEN } });
      [victim, other] = judged.victims as [string, string];
    });
    afterAll(() => judged?.[Symbol.asyncDispose]());

    test.each([
      ["whose route to each other is deleted at one", "unroute"],
      ["of which one has a stale forwarding entry for the other", "misdirect"],
    ])("two nodes %s, on the pod network alone", async (_, fault) => {
      const cut = await judged.named(`${fault} ${victim}->${other}`, `IN-PAIR-CUT ${pairOf(victim, other)}`);
      expect(cut.scope).toMatchObject({ network: "pod" });
      expect(cut.causes.map(({ kind }) => kind)).toContain("stale-entry");
    });

    test("a node whose link comes and goes, with that as a cause, and nothing any more once it stays", async () => {
      const losing = await judged.named(`loss ${victim} 60% for 2s every 10s`, `IN-NODE-LOSS ${victim}`);
      expect(losing.causes.find(({ kind }) => kind === "flap")?.for).toContain("it comes and goes");
    });
  });

  test("one of two equal paths between two nodes, on which some source ports lose everything and others nothing", async () => {
    await using judged = await JudgedLab.open({ nodes: 4, paths: 2, settings: { udp: OFTEN } });
    const [a, b] = judged.victims as [string, string];
    await judged.named(`drop ${a}<->${b} via path-1`, `IN-SOME-PATHS ${pairOf(a, b)}`, async () => {
      const { pairs } = await judged.rowOf(a);
      const { ports } = pairs.find(({ destination, protocol }) => destination.name === b && protocol === "udp")!;
      const shares = ports!.probes.map((probes, i) => ports!.failures[i]! / probes);
      // A port that was fine before it broke has lost most by now.
      expect(shares.filter((share) => share > 0.5).length).toBeGreaterThan(0);
      expect(shares.filter((share) => share === 0).length).toBeGreaterThan(0);
    });
  });

  test("the nodes of a hidden rack, all of them and no other", async () => {
    await using judged = await JudgedLab.open({ nodes: 8, settings: { udp: OFTEN } });
    const rack = judged.victims.slice(0, 3).toSorted();
    const { subject } = await judged.named(`rack ${rack.join()} 10%`, `IN-GROUP-LOSS ${rack.join()}`);
    expect(subject.kind === "group" && subject.nodes.toSorted()).toEqual(rack);
  });
});
