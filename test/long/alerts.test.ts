// Ten real minutes, run by `npm run test:long`: agents in namespaces, a real Prometheus with the shipped rules at their
// own intervals and 15 s scrapes, a real Alertmanager with the documented routing, and a webhook. Prints the seconds.
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { createLab, type Lab } from "../../lab/lab.ts";
import { pages } from "../docs/pages.ts";
import { startAlerting, type Alerting, type Notification } from "../support/alerting.ts";
import { needs } from "../support/needs.ts";

const { describe } = await needs("namespaces", "prometheus", "prometheus-alertmanager");

const MINUTE_MS = 60_000;
/** Both scenarios watch from here and break something else. */
const WATCHER = "node-1";
const NODES = 5;

interface Scene {
  readonly lab: Lab;
  readonly alerting: Alerting;
}

async function withHealthyMesh(run: (scene: Scene) => Promise<void>, nodes = NODES): Promise<void> {
  await using lab = await createLab({ nodes, zones: 3 });
  await using alerting = await startAlerting(lab, { node: WATCHER });
  // Only pairs that existed two minutes ago are judged; nothing is an incident before all of them are.
  const judgedNodes = async () =>
    (
      await alerting.prometheus.query(
        "min_over_time(internode:nodes:count[45s]) and count_over_time(internode:nodes:count[45s]) >= 2",
      )
    )[0]?.value;
  for (const endMs = Date.now() + 6 * MINUTE_MS; (await judgedNodes()) !== nodes; await sleep(5_000)) {
    if (Date.now() > endMs)
      throw new Error(`the rules do not judge ${nodes} nodes after 6 minutes, but ${await judgedNodes()}`);
  }
  expect(await alerting.prometheus.query("ALERTS")).toEqual([]);
  await run({ lab, alerting });
}

/** Every alert that ever fired in this Prometheus, by name and the labels that name its place. */
async function everFired({ alerting }: Scene): Promise<readonly string[]> {
  const samples = await alerting.prometheus.query(
    `group by (alertname, severity, node, source_zone, destination_zone) (last_over_time(ALERTS{alertstate="firing"}[1h]))`,
  );
  return samples
    .map(({ labels }) =>
      [labels["alertname"], labels["severity"], labels["node"], labels["source_zone"], labels["destination_zone"]]
        .filter(Boolean)
        .join(" "),
    )
    .sort();
}

const secondsFrom = (startMs: number, endMs: number): string => `${((endMs - startMs) / 1000).toFixed(1)} s`;

function tell({
  what,
  brokenMs,
  told,
}: {
  readonly what: string;
  readonly brokenMs: number;
  readonly told: Notification;
}): void {
  const firingMs = Math.min(...told.alerts.map((alert) => Date.parse(alert.startsAt)));
  process.stdout.write(
    `${what}: fault to firing ${secondsFrom(brokenMs, firingMs)}, fault to notification ${secondsFrom(brokenMs, told.atMs)}\n`,
  );
}

describe.concurrent("from a lost packet to a notification", { timeout: 20 * MINUTE_MS }, () => {
  test("a dead node is one critical notification that names it and nothing else, and its return is the resolution", async () => {
    await withHealthyMesh(async (scene) => {
      const { lab, alerting } = scene;
      await lab.inject("kill node-3");
      const brokenMs = Date.now();
      const told = await alerting.notified(() => true, 5 * MINUTE_MS);
      tell({ what: "dead node", brokenMs, told });
      expect(told).toMatchObject({ receiver: "pager", status: "firing" });
      expect(told.alerts.map(({ labels }) => labels)).toEqual([
        { alertname: "InternodeNodeDegraded", severity: "critical", node: "node-3" },
      ]);
      expect(told.alerts[0]!.annotations["description"]).toMatch(
        /^Node node-3 loses .* of its probes .*with 100% of its peers on the node network/,
      );
      // Long enough for anything narrower or slower to follow.
      await sleep(3 * MINUTE_MS);
      expect(alerting.notifications).toEqual([told]);
      // What only data shows: a runbook's query that matches many to many. It rejects.
      for (const query of pages("{runbooks/*,troubleshooting}.md").flatMap((page) => page.queries))
        await alerting.prometheus.query(query);

      await lab.clear();
      const mendedMs = Date.now();
      const resolved = await alerting.notified(({ status }) => status === "resolved", 10 * MINUTE_MS);
      process.stdout.write(`dead node: back to resolved ${secondsFrom(mendedMs, resolved.atMs)}\n`);
      expect(resolved.alerts.map(({ status, labels }) => [status, labels["alertname"], labels["node"]])).toEqual([
        ["resolved", "InternodeNodeDegraded", "node-3"],
      ]);
      expect(alerting.notifications).toEqual([told, resolved]);
      expect(await everFired(scene)).toEqual(["InternodeNodeDegraded critical node-3"]);
    });
  });

  test("one link that loses one way is the warning about pairs alone, and its description tells the direction", async () => {
    await withHealthyMesh(async (scene) => {
      const { lab, alerting } = scene;
      const [from, to] = [lab.node("node-2"), lab.node("node-4")];
      await lab.inject(`loss ${from.name}->${to.name} 30%`);
      const brokenMs = Date.now();
      const told = await alerting.notified(() => true, 15 * MINUTE_MS);
      tell({ what: "one link, one way", brokenMs, told });
      expect(told).toMatchObject({ receiver: "tickets", status: "firing" });
      // A lost probe shows in both ordered pairs, whichever way it died; one ticket holds both.
      expect(
        new Set(
          told.alerts.map(
            ({ labels }) =>
              `${labels["alertname"]} ${labels["severity"]} ${labels["source_zone"]}>${labels["destination_zone"]}`,
          ),
        ),
      ).toEqual(
        new Set([
          `InternodePairsDegraded warning ${from.zone}>${to.zone}`,
          `InternodePairsDegraded warning ${to.zone}>${from.zone}`,
        ]),
      );
      for (const { annotations } of told.alerts) {
        const description = annotations["description"]!;
        expect(description).toMatch(/node-2 → node-4|node-4 → node-2/);
        expect(description).toContain("on the way from node-2 to node-4");
        expect(description).not.toContain("on the way from node-4 to node-2");
      }
      expect(alerting.notifications).toEqual([told]);
      expect(new Set((await everFired(scene)).map((alert) => alert.split(" ")[0]))).toEqual(
        new Set(["InternodePairsDegraded"]),
      );
    });
  });

  /** What the judge alone sees: one ticket, and its resolution once the judge has seen enough to call it over. */
  async function isOneFinding(
    scene: Scene,
    {
      what,
      code,
      isSubject,
      clear,
    }: {
      readonly what: string;
      readonly code: string;
      readonly isSubject: (subject: string) => boolean;
      readonly clear: () => Promise<unknown>;
    },
  ): Promise<readonly Notification[]> {
    const { alerting } = scene;
    const brokenMs = Date.now();
    const told = await alerting.notified(() => true, 15 * MINUTE_MS);
    tell({ what, brokenMs, told });
    expect(told).toMatchObject({ receiver: "tickets", status: "firing" });
    expect(told.alerts.map(({ labels }) => [labels["alertname"], labels["code"]])).toEqual([
      ["InternodeFinding", code],
    ]);
    expect(told.alerts[0]!.labels["subject"]).toSatisfy(isSubject);
    expect(told.alerts[0]!.annotations["description"]).toContain(`(${code}, `);
    await clear();
    const clearedMs = Date.now();
    const resolved = await alerting.notified(
      ({ status, alerts }) => status === "resolved" && alerts.some(({ labels }) => labels["code"] === code),
      25 * MINUTE_MS,
    );
    process.stdout.write(`${what}: back to resolved ${secondsFrom(clearedMs, resolved.atMs)}\n`);
    return [told, resolved];
  }

  test(
    "a node that loses 2 % is one ticket, by the judge, and its return is the resolution",
    async () => {
      await withHealthyMesh(async (scene) => {
        await scene.lab.inject("loss node-3->all 2%");
        const both = await isOneFinding(scene, {
          what: "node that loses 2 %",
          code: "IN-NODE-LOSS",
          isSubject: (subject) => subject === "node-3",
          clear: () => scene.lab.clear(),
        });
        expect(scene.alerting.notifications).toEqual(both);
      });
    },
    45 * MINUTE_MS,
  );

  test(
    "a group of nodes that nothing names is one ticket, by the judge, and its return is the resolution",
    async () => {
      await withHealthyMesh(async (scene) => {
        const { lab } = scene;
        // One of each zone, as behind one switch.
        const members = ["node-3", "node-6", "node-9"];
        const rest = lab.nodes.map(({ name }) => name).filter((name) => !members.includes(name));
        for (const member of members) for (const other of rest) await lab.inject(`loss ${member}->${other} 2%`);
        const both = await isOneFinding(scene, {
          what: "hidden group that loses 2 %",
          code: "IN-GROUP-LOSS",
          isSubject: (subject) => subject.startsWith("group:"),
          clear: () => lab.clear(),
        });
        expect(scene.alerting.notifications).toEqual(both);
      }, 9);
    },
    45 * MINUTE_MS,
  );
});
