// Where the image comes from: registry, repository, tag or digest, and the secrets to pull it with.
import { describe, expect, test } from "vitest";
import { HELMS, only, render, WHY_NO_HELM } from "./helm.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;

/** The image of the agents and their pull secrets, which those of the pod of `helm test` must equal. */
async function pulled(values: unknown, helm = HELMS[0]!): Promise<{ image: string; secrets: readonly string[] }> {
  const manifests = await render({ values, helm });
  const [agent, test] = [only(manifests, "DaemonSet").spec.template.spec, only(manifests, "Pod").spec].map((spec) => ({
    image: spec.containers[0]!.image,
    secrets: (spec.imagePullSecrets ?? []).map(({ name }) => name),
  }));
  expect(test).toEqual(agent);
  return agent!;
}

describe.skipIf(HELMS.length === 0)(`the image (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4 and 3"})`, () => {
  test("a digest wins over the tag", async () => {
    const repository = "internode";
    expect((await pulled({ image: { repository, tag: "2", digest: DIGEST } })).image).toBe(`internode@${DIGEST}`);
    expect((await pulled({ image: { repository, tag: "2" } })).image).toBe("internode:2");
  });

  test.for(HELMS)("comes from the registry of this chart, or that of all charts, by $name", async (helm) => {
    const image = { repository: "team/internode", tag: "2", registry: "registry.example:5000" };
    const imageOf = async (values: object) => (await pulled(values, helm)).image;
    expect(await imageOf({ image })).toBe("registry.example:5000/team/internode:2");
    expect(await imageOf({ image, global: { imageRegistry: "mirror.example/cache/" } })).toBe(
      "mirror.example/cache/team/internode:2",
    );
    expect(await imageOf({ image: { ...image, digest: DIGEST }, global: { imageRegistry: "", other: 1 } })).toBe(
      `registry.example:5000/team/internode@${DIGEST}`,
    );
  });

  test("pull secrets of all charts and of this one are taken together, each once, names or objects", async () => {
    const values = {
      global: { imagePullSecrets: ["all", { name: "shared" }] },
      imagePullSecrets: [{ name: "own" }, { name: "shared" }],
    };
    expect((await pulled(values)).secrets).toEqual(["all", "shared", "own"]);
    expect((await pulled({})).secrets).toEqual([]);
  });
});
