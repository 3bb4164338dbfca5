// Most of an hour, run by `npm run test:live`: what the judges alone see ends as one notification, and its resolution.
import { expect, test } from "vitest";
import { MINUTE_MS, secondsFrom, tell, withHealthyMesh, type Scene } from "../support/alerting-scene.ts";
import type { Notification } from "../support/alerting.ts";
import { needs } from "../support/needs.ts";

const { describe } = await needs("namespaces", "prometheus", "prometheus-alertmanager");

describe("what only the judges see", () => {
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
