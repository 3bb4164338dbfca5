// The chart as a dependency of another chart.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { CHART, HELMS, only, render, WHY_NO_HELM, headlessService } from "./helm.ts";

const run = promisify(execFile);

interface Umbrella {
  readonly alias: string;
  readonly condition?: string;
  /** values.yaml of the chart above. */
  readonly values?: unknown;
}

async function withUmbrella(
  { alias, condition, values = {} }: Umbrella,
  use: (chart: string) => Promise<void>,
): Promise<void> {
  const chart = await mkdtemp(join(tmpdir(), "internode-chart-"));
  try {
    await mkdir(join(chart, "charts"));
    await run(HELMS[0]!.path, ["package", CHART, "--destination", join(chart, "charts")]);
    const dependencies = [
      {
        name: "internode",
        version: ">=0.0.0",
        repository: "",
        alias,
        ...(condition === undefined ? {} : { condition }),
      },
    ];
    await writeFile(
      join(chart, "Chart.yaml"),
      JSON.stringify({ apiVersion: "v2", name: "umbrella", version: "1.0.0", dependencies }),
    );
    await writeFile(join(chart, "values.yaml"), JSON.stringify(values));
    await use(chart);
  } finally {
    await rm(chart, { recursive: true, force: true });
  }
}

describe.skipIf(HELMS.length === 0)(
  `in an umbrella chart (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4 and 3"})`,
  () => {
    // `condition: mesh.enabled` puts `enabled` among this chart's own values, and every chart gets `global`.
    test("it goes by another name, on a condition", async () => {
      await withUmbrella({ alias: "mesh", condition: "mesh.enabled" }, async (chart) => {
        for (const helm of HELMS) {
          const manifests = await render({
            chart,
            helm,
            release: "r",
            values: { global: { team: "a" }, mesh: { enabled: true, hostPort: true } },
          });
          expect(only(manifests, "DaemonSet").metadata.name).toBe("r-mesh");
          expect(
            only(manifests, "DaemonSet").spec.template.spec.containers[0]!.ports.filter(
              ({ hostPort }) => hostPort !== undefined,
            ),
          ).toHaveLength(2);
          expect(await render({ chart, helm, release: "r", values: { mesh: { enabled: false } } })).toEqual([]);
        }
      });
    });

    test("an alias with capitals and underscores gives names that Kubernetes takes", async () => {
      await withUmbrella({ alias: "node_Mesh" }, async (chart) => {
        for (const helm of HELMS) {
          const manifests = await render({ chart, helm, release: "r" });
          expect(
            [headlessService(manifests), only(manifests, "DaemonSet")].map(({ metadata }) => metadata.name),
          ).toEqual(["r-node-mesh", "r-node-mesh"]);
        }
      });
    });

    // Helm 4 ignores a null there, Helm 3 does not.
    test("empty text leaves user and group to the platform, and needs no null in the values above", async () => {
      await withUmbrella(
        { alias: "mesh", values: { mesh: { podSecurity: { runAsUser: "", runAsGroup: "" } } } },
        async (chart) => {
          for (const helm of HELMS) {
            const { securityContext } = only(await render({ chart, helm }), "DaemonSet").spec.template.spec;
            expect(securityContext).toMatchObject({ runAsNonRoot: true });
            expect(Object.keys(securityContext)).not.toContain("runAsUser");
            expect(Object.keys(securityContext)).not.toContain("runAsGroup");
          }
        },
      );
    });
  },
);
