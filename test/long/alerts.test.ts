// Ten real minutes, run by `npm run test:alerts`: from a lost packet to a notification and its resolution. Prints the seconds.
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { pages } from "../docs/pages.ts";
import { everFired, MINUTE_MS, secondsFrom, tell, withHealthyMesh } from "../support/alerting-scene.ts";
import { needs } from "../support/needs.ts";

const { describe } = await needs("namespaces", "prometheus", "prometheus-alertmanager");

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
});
