import { expect, test } from "vitest";
import { makeCleanup } from "../../agent/cli/cleanup.ts";
import { asTerminal } from "../../agent/cli/report/render.ts";
import type { Sources } from "../../agent/cli/sources.ts";
import { recordedObjects, type RecordedObjects } from "../support/recorded-objects.ts";

const from = (objects: RecordedObjects | { readonly why: string }) =>
  makeCleanup({ objects: () => Promise.resolve(objects) } as Partial<Sources> as Sources);
const ours = { "app.kubernetes.io/name": "internode" };
const agent = {
  metadata: { namespace: "net", name: "internode-x", labels: ours, ownerReferences: [{ kind: "DaemonSet" }] },
};

test("agents are nothing left over, and it says how many pods were looked at", async () => {
  const report = await from(recordedObjects({ pods: [agent, { metadata: { namespace: "shop", name: "web" } }] }));
  expect(report).toMatchObject({
    isFault: false,
    headline: "Nothing was left: 2 pods looked at, and no command of internode makes any.",
  });
});

test("a test pod of the chart and a debugging pod are named with the line that removes them", async () => {
  const pods = [
    agent,
    { metadata: { namespace: "net", name: "internode-test", labels: ours } },
    { metadata: { namespace: "default", name: "node-debugger-node-1-abcde" } },
  ];
  const report = await from(recordedObjects({ pods }));
  expect(report.isFault).toBe(true);
  const said = asTerminal(report);
  expect(said).toContain("kubectl -n net delete pod internode-test");
  expect(said).toContain("kubectl -n default delete pod node-debugger-node-1-abcde");
});

test("where it may not look it says so, and does not say that all is well", async () => {
  const objects = recordedObjects({ pods: [] });
  objects.forbidden.add("pods");
  expect(await from(objects)).toMatchObject({
    isFault: true,
    headline: expect.stringContaining('resources: ["pods"]') as string,
  });
  expect((await from({ why: "there is no kubeconfig" })).isFault).toBe(true);
});
