// Every variant of the chart against a real API server with the operator's kinds, and the two that leave the pod network
// installed for real.
import { basename } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../cluster/command.ts";
import { until } from "../cluster/until.ts";
import { staticManifests } from "../../scripts/static-manifests.ts";
import { CHART, CI_VALUES } from "../chart/helm.ts";
import { asCreated, dryRun, objectsOf, rendered } from "./live-objects.ts";
import { unsettled } from "./settled.ts";
import { untilAnswered, untilHealthy } from "./measured.ts";
import { applyDefinitions } from "./definitions.ts";
import { Release } from "./release.ts";
import { namesWhere, slotsAmong, wasHealthy } from "../support/slots.ts";
import { WHY_NOT_FOREIGN } from "./arguments.ts";
import { upgradePath } from "./upgrades.ts";
import { helms, IS_FOREIGN, report, Target } from "./target.ts";

const HELMS = await helms();
/** Nothing is ever installed here. */
const FRESH = "fresh";

/** The configuration may name the namespace, and then has another checksum in another one; it is compared itself. */
const withoutChecksum = (objects: string): unknown =>
  JSON.parse(objects.replaceAll(/"checksum\/config":"[0-9a-f]{64}"/g, '"checksum/config":"of the ConfigMap"'));

describe.skipIf(IS_FOREIGN)(`variants of the chart (${WHY_NOT_FOREIGN})`, () => {
  let target: Target;
  beforeAll(async () => {
    target = await Target.open({ families: "both" });
    await applyDefinitions(target.own, ["prometheus-operator", "cilium"]);
    await Release.prepare(target, { helm: HELMS[0]!, namespace: FRESH, level: "privileged" });
    for (const level of ["restricted", "privileged"] as const)
      await Release.prepare(target, { helm: HELMS[0]!, namespace: level, level });
  });
  afterAll(() => target?.[Symbol.asyncDispose]());

  test.for(
    CI_VALUES.flatMap((valuesFile) =>
      HELMS.map((helm) => ({ valuesFile, helm, variant: basename(valuesFile, "-values.yaml") })),
    ),
  )(
    "the API server takes every object of variant $variant as $helm.name renders it and changes nothing that a GitOps tool would change back, and the level its notes name admits its pods",
    async ({ valuesFile, helm }) => {
      const level = await levelOf(valuesFile);
      const manifests = await rendered({ valuesFile, helm, namespace: level });
      // A pod template that the namespace's level would refuse is only warned about.
      const words = ["apply", "--server-side", "--warnings-as-errors"];
      const items = await dryRun(target, words, { namespace: level, manifests });
      const differences = items.map((object, i) => unsettled(manifests[i], object));
      expect(differences).toEqual(manifests.map(() => []));
    },
  );

  test("the API server takes every object of the static manifests", async () => {
    const [agents, ...others] = await staticManifests({ helm: HELMS[0]!.path });
    const [, namespace] = agents![1].split(/^---\n/m);
    await target.kubectl(["apply", "-f", "-"], { input: namespace! });
    for (const [file, text] of [agents!, ...others]) {
      const taken = await target.kubectl(
        ["apply", "--server-side", "--dry-run=server", "--warnings-as-errors", "-f", "-"],
        { input: text },
      );
      expect(taken.match(/serverside-applied \(server dry run\)/g), file).toHaveLength(text.match(/^kind: /gm)!.length);
    }
  });

  /** Whether the render for a restricted namespace stops, and asks for another level. */
  async function levelOf(valuesFile: string): Promise<"restricted" | "privileged"> {
    const asked = await run(
      HELMS[0]!.path,
      [
        "template",
        "internode",
        CHART,
        "--namespace",
        "restricted",
        "--values",
        valuesFile,
        "--set",
        "askCluster=true,dashboards.grafanaOperator.enabled=false",
        "--dry-run=server",
      ],
      { env: { KUBECONFIG: target.kubeconfig } },
    ).then(() => "", String);
    if (asked === "") return "restricted";
    expect(asked).toContain(
      "kubectl label namespace restricted pod-security.kubernetes.io/enforce=privileged --overwrite",
    );
    return "privileged";
  }

  test.for(HELMS.map((helm, i) => ({ helm, namespace: `upgraded-${i + 1}` })))(
    "upgraded by $helm.name from any values to any others, the objects are those of an install",
    async ({ helm, namespace }) => {
      const release = await Release.prepare(target, { helm, namespace, level: "privileged" });
      const [first, ...path] = await upgradePath();
      await release.install(first!.values);
      const installs = new Map<string, unknown>();
      let before = first!;
      for (const after of path) {
        await release.replaceBy(after.values);
        const upgraded = JSON.stringify(Object.fromEntries(await objectsOf(target, release)));
        const installed =
          installs.get(after.name) ??
          Object.fromEntries(
            await asCreated(target, FRESH, await rendered({ helm, namespace: FRESH, values: after.values })),
          );
        installs.set(after.name, installed);
        const [now, wanted] = [upgraded.replaceAll(namespace, FRESH), JSON.stringify(installed)].map(withoutChecksum);
        expect(now, `${before.name} → ${after.name}`).toEqual(wanted);
        before = after;
      }
      report(`${helm.name}: ${path.length} upgrades, each as an install`);
      await release.uninstall();
    },
  );

  test("with both address families every pair is measured over both, under restricted", async () => {
    const release = await Release.install(
      target,
      { helm: HELMS[0]!, namespace: "families" },
      { config: { families: ["ipv4", "ipv6"] } },
    );
    const nodes = target.own.nodes.map(({ name }) => name);
    const kinds = ["pod icmp", "pod tcp", "pod udp", "node icmp"].flatMap((kind) => [kind, `${kind} ipv6`]);
    await untilAnswered(release, slotsAmong(nodes, kinds), 90_000);
    expect(namesWhere(await untilHealthy(release, slotsAmong(nodes, kinds)), wasHealthy)).toEqual(
      slotsAmong(nodes, kinds),
    );
    await release.uninstall();
  });

  describe.each([
    { variant: "hostPort", kinds: ["pod icmp", "pod tcp", "pod udp", "node icmp", "node tcp", "node udp"] },
    { variant: "hostNetwork", kinds: ["node icmp", "node tcp", "node udp"] },
  ])("$variant", ({ variant, kinds }) => {
    const namespace = variant.toLowerCase();
    const values = { [variant]: true, config: { ports: { http: 18_843 } } };

    test.each(["restricted", "baseline"] as const)(
      "is stopped before anything is installed at level %s, and told how to go on",
      async (level) => {
        const release = await Release.prepare(target, { helm: HELMS[0]!, namespace: `${namespace}-${level}`, level });
        await expect(release.install(values)).rejects.toThrow(
          `kubectl label namespace ${namespace}-${level} pod-security.kubernetes.io/enforce=privileged --overwrite`,
        );
        expect(await release.leftovers()).toEqual([]);
      },
    );

    test("at level baseline, where the chart may not ask, Kubernetes itself admits no pod", async () => {
      const release = await Release.prepare(target, {
        helm: HELMS[0]!,
        namespace: `${namespace}-unasked`,
        level: "baseline",
      });
      await release.install({ ...values, askCluster: false });
      const event = await until("the refusal", async () => {
        const events = await release.kubectl([
          "get",
          "events",
          "--field-selector=reason=FailedCreate",
          "--output=jsonpath={.items[*].message}",
        ]);
        return events !== "" && events;
      });
      expect(event).toMatch(/violates PodSecurity "baseline:latest"/);
      await release.uninstall();
    });

    test("installed at level privileged it measures just the slots it promises, and helm test passes", async () => {
      const release = await Release.install(target, { helm: HELMS[0]!, namespace, level: "privileged" }, values);
      try {
        const slots = slotsAmong(
          target.own.nodes.map(({ name }) => name),
          kinds,
        );
        await untilAnswered(release, slots, 90_000);
        expect(namesWhere(await untilHealthy(release, slots), wasHealthy)).toEqual(slots);
        expect(await release.test()).toMatch(/Phase: +Succeeded/);
        expect(await release.internode("matrix")).toMatch(/ lost nothing in the last minute\.$/m);
        const listening = await target.own.node("node-1").run(["ss", "-Hltun"]);
        const ours = listening
          .split("\n")
          .map((line) => line.trim().split(/\s+/)[4] ?? "")
          .filter((address) => /:(7843|18843|9843)$/.test(address));
        // A host port is the business of the CNI's rules, not of a socket of the node.
        const hosts = ours.map((address) => address.replace(/:\d+$/, ""));
        const [ipv4, ipv6] = target.own.node("node-1").plan.addresses;
        expect(new Set(hosts)).toEqual(new Set(variant === "hostNetwork" ? ["127.0.0.1", ipv4, `[${ipv6}]`] : []));
      } finally {
        await release.uninstall();
      }
    });
  });
});
