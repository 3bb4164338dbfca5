// What only newer evidence shows, in labs with real agents: translated pods, a longer way, one address of two pods. Each
// fault is named by the judges as what it is, and nothing else is said of it.
import { setTimeout as sleep } from "node:timers/promises";
import { judgeOrder } from "../../agent/judge/order.ts";
import { subjectName, type NetworkCheckName, type Verdict } from "../../agent/model/finding.ts";
import type { Row } from "../../agent/model/snapshot.ts";
import { createLab, type Lab, type LabOptions } from "../../lab/lab.ts";
import { fetchSocket } from "../support/fetch-socket.ts";
import { needs } from "../support/needs.ts";
import { OFTEN } from "../support/viewed-lab.ts";

const { describe, test } = await needs("namespaces");

/** The default sends from each source port every 40 s. */
const OPTIONS: LabOptions = { nodes: 4, zones: 1, settings: { udp: OFTEN } };

const ask = async <T>(lab: Lab, node: string, path: string): Promise<T> =>
  JSON.parse(await fetchSocket(lab.target(node, "http").path, path)) as T;

/** What is wrong but a machine that is too busy for this test. */
async function verdictOf(lab: Lab, judge: string): Promise<Verdict> {
  const verdict = await ask<Verdict>(lab, judge, "/api/v1/verdict");
  return { ...verdict, findings: verdict.findings.filter(({ code }) => code !== "IN-AGENT-STARVED") };
}

const isFine = ({ state, findings }: Verdict): boolean => state !== "undecided" && findings.length === 0;

/** Judges must not be the broken ones: they have a view of their own of what they cannot reach. */
function others({ nodes }: Lab): { readonly judge: string; readonly broken: string } {
  const order = judgeOrder(nodes, undefined);
  return { judge: order[0]!.name, broken: order.at(-1)!.name };
}

async function until(
  lab: Lab,
  what: string,
  isSo: (verdict: Verdict) => boolean,
  { judge }: { readonly judge: string } = others(lab),
): Promise<Verdict> {
  let last: Verdict | undefined;
  for (let tries = 0; tries < 360; tries++) {
    last = await verdictOf(lab, judge).catch(() => undefined);
    if (last && isSo(last)) return last;
    await sleep(500);
  }
  throw new Error(`never: ${what}; last: ${JSON.stringify(last, null, 1)}`);
}

const named = ({ findings }: Verdict): string[] =>
  findings.map(({ code, subject }) => `${code} ${subjectName(subject)}`);
const stateOf = ({ checks }: Verdict, name: NetworkCheckName) => checks.find((check) => check.name === name)?.state;

describe.concurrent("the judges name", { timeout: 600_000, retry: 1 }, () => {
  test("the node whose pods are masqueraded, of which its peers say as whom they see them", async ({ expect }) => {
    await using lab = await createLab(OPTIONS);
    const { broken } = others(lab);
    await until(lab, "no NAT between pods", (v) => isFine(v) && stateOf(v, "no-nat") === "holds");
    const { id } = await lab.inject(`masquerade ${broken}`);
    const verdict = await until(lab, "masqueraded", (v) => named(v).includes(`IN-MASQUERADE ${broken}`));
    expect(stateOf(verdict, "no-nat")).toBe("broken");
    const own = `10.244.${lab.node(broken).number}`;
    const finding = verdict.findings.find(({ code }) => code === "IN-MASQUERADE")!;
    expect(finding.causes[0]).toMatchObject({ kind: "masquerade-rule", for: [expect.stringContaining(`${own}.0`)] });
    // Two that tell are enough for the finding; the third tells with its next answer.
    const seen = async () => {
      const { pairs } = await ask<Row>(lab, broken, "/api/v1/pairs");
      return new Set(pairs.filter(({ protocol }) => protocol === "udp").map(({ seenAs }) => seenAs));
    };
    await expect.poll(seen, { timeout: 10_000 }).toEqual(new Set([`${own}.0`]));
    expect((await lab.faults())[0]!.counters!.affected).toBeGreaterThan(0);
    await lab.clear(id);
    await until(lab, "as before", (v) => isFine(v) && stateOf(v, "no-nat") === "holds");
  });

  test("the masqueraded node that judges itself, though the others refuse it their rows", async ({ expect }) => {
    await using lab = await createLab(OPTIONS);
    const { judge } = others(lab);
    await until(lab, "no NAT between pods", (v) => isFine(v) && stateOf(v, "no-nat") === "holds");
    await lab.inject(`masquerade ${judge}`);
    const isTold = (v: Verdict): boolean => named(v).includes(`IN-MASQUERADE ${judge}`) && named(v).length > 1;
    const verdict = await until(lab, "masqueraded, and most rows missing", isTold, { judge });
    expect(named(verdict).sort()).toEqual([`IN-MASQUERADE ${judge}`, `IN-UNSEEN ${judge}`]);
    expect(verdict).toMatchObject({ state: "broken", by: { name: judge } });
    expect(verdict.text).toMatch(
      /^Others see the pods of .* is masqueraded\. Of the rest little is seen from here: 3 of 4/,
    );
  });

  test("the node whose packets take a hop more, with the way, both numbers and the moment", async ({ expect }) => {
    await using lab = await createLab(OPTIONS);
    const { broken } = others(lab);
    await until(lab, "fine", isFine);
    const before = Date.now();
    await lab.inject(`extra-hop ${broken}->all`);
    const verdict = await until(lab, "a longer way", (v) => named(v).includes(`IN-ROUTE ${broken}`));
    expect(named(verdict)).toEqual([`IN-ROUTE ${broken}`]);
    const [finding] = verdict.findings;
    // Node to node of the lab's overlay: out of the pod, through both nodes, into the pod.
    expect(finding).toMatchObject({ direction: "out", figures: { hops: 4, hopsBefore: 3 } });
    expect(finding!.causes[0]).toMatchObject({ kind: "route-changed" });
    expect(Date.parse(finding!.since)).toBeGreaterThanOrEqual(before - 2_000);
  });

  test("the node whose address another one has too, once two agents have met the other one there", async ({
    expect,
  }) => {
    await using lab = await createLab({ ...OPTIONS, agents: false });
    const [first, second, taker, owner] = judgeOrder(lab.nodes, undefined).map(({ name }) => name);
    await lab.inject(`take-address ${taker}->${owner}`);
    await Promise.all(lab.nodes.map(({ name }) => lab.agent(name).start()));
    // The first that meets the other one says that much; which agents have met it is known when a second has.
    const saidOf = ({ findings }: Verdict): string =>
      findings.find(({ code }) => code === "IN-ADDRESS-TWICE")?.causes[0]!.for[0] ?? "";
    const isTold = (v: Verdict): boolean =>
      named(v).includes(`IN-ADDRESS-TWICE ${owner}`) && [first, second].every((name) => saidOf(v).includes(name!));
    const verdict = await until(lab, "an address of two, and by whom it was met", isTold);
    expect(stateOf(verdict, "unique-addresses")).toBe("broken");
  });
});
