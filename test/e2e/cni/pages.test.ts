// What docs/cli shows of clusters with Flannel and kube-router is what commands print about such clusters.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Examples, seenOf } from "../pages.ts";
import { CniMesh } from "./mesh.ts";

describe.each([
  { on: "flannel", options: { zones: 3, cni: "flannel-vxlan" }, values: { dnsPods: { enabled: true } } },
  { on: "kube-router", options: { zones: 3, cni: "kube-router", policy: "kube-router" }, values: {} },
] as const)("on a cluster with $on", ({ on, options, values }) => {
  let mesh: CniMesh;
  beforeAll(async () => {
    mesh = await CniMesh.open(options, values);
  });
  afterAll(() => mesh?.[Symbol.asyncDispose]());

  test("commands print what their pages show", async () => {
    const { target } = mesh;
    using examples = new Examples({
      kubeconfig: target.kubeconfig,
      kubectl: (args) => target.kubectl(args),
    });
    const { seen, wanted } = await seenOf({ when: "calm", on }, examples);
    expect(wanted.length).toBeGreaterThan(1);
    expect(seen).toEqual(wanted);
  });
});
