// Settings of the agents' pods that the chart passes on.
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CHART, HELMS, only, refusal, render, WHY_NO_HELM } from "./helm.ts";

const EVERYTHING = join(CHART, "ci/everything-values.yaml");

describe.skipIf(HELMS.length === 0)(`the agents' pods (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`, () => {
  test("get their runtime, DNS, variables and revisions from the values", async () => {
    const { spec } = only(await render({ valuesFile: EVERYTHING }), "DaemonSet");
    expect(spec.revisionHistoryLimit).toBe(3);
    expect(spec.template.spec).toMatchObject({
      runtimeClassName: "runc",
      dnsConfig: { options: [{ name: "ndots", value: "2" }] },
    });
    expect(spec.template.spec.containers[0]).toMatchObject({
      env: expect.arrayContaining([{ name: "TZ", value: "UTC" }]) as unknown,
      envFrom: [{ configMapRef: { name: "proxies", optional: true } }],
    });
  });

  test("are ended for a network that is broken, which is what they tell of, only after a quarter of an hour", async () => {
    const [container] = only(await render(), "DaemonSet").spec.template.spec.containers;
    const { livenessProbe: live, readinessProbe: ready } = container as unknown as Record<
      "livenessProbe" | "readinessProbe",
      { httpGet: { path: string }; periodSeconds: number; failureThreshold: number }
    >;
    expect(live.httpGet.path).toBe("/healthz");
    expect(live.periodSeconds * live.failureThreshold).toBe(900);
    expect(ready.httpGet.path).toBe("/readyz");
    expect(ready.periodSeconds * ready.failureThreshold).toBe(15);
  });

  // Kubernetes rounds up, and the pod of a dead node counts until its Node object goes.
  test("are replaced in steps that leave a place beside a dead node from three nodes on, while most go on measuring", async () => {
    const { updateStrategy } = only(await render(), "DaemonSet").spec;
    const [, percent] = /^(\d+)%$/.exec(
      (updateStrategy as { rollingUpdate: { maxUnavailable: string } }).rollingUpdate.maxUnavailable,
    )!;
    for (let nodes = 3; nodes <= 2_000; nodes += 1) {
      const atOnce = Math.ceil((Number(percent) * nodes) / 100);
      expect(atOnce).toBeGreaterThanOrEqual(2);
      expect(atOnce).toBeLessThanOrEqual((2 * nodes) / 3);
    }
  });

  test("have none of them by default", async () => {
    const { spec } = only(await render(), "DaemonSet");
    expect(spec.revisionHistoryLimit).toBe(10);
    for (const key of ["runtimeClassName", "dnsPolicy", "dnsConfig"])
      expect(spec.template.spec).not.toHaveProperty(key);
    expect(spec.template.spec.containers[0]).not.toHaveProperty("envFrom");
  });

  test("take a DNS policy instead of the one that hostNetwork needs, and servers with the policy None", async () => {
    const values = { hostNetwork: true, dnsPolicy: "None", dnsConfig: { nameservers: ["192.0.2.53"] } };
    expect(only(await render({ values }), "DaemonSet").spec.template.spec).toMatchObject({
      dnsPolicy: "None",
      dnsConfig: { nameservers: ["192.0.2.53"] },
    });
    expect(await refusal({ values: { dnsPolicy: "None" } })).toMatch(
      /dnsConfig names no nameservers.*leave dnsPolicy out/,
    );
  });

  test("evict others from a full node, or wait until there is room", async () => {
    const policy = async (priorityClass: object) =>
      only(await render({ values: { priorityClass } }), "PriorityClass")["preemptionPolicy"];
    expect(await policy({})).toBe("PreemptLowerPriority");
    expect(await policy({ preemptionPolicy: "Never" })).toBe("Never");
  });
});
