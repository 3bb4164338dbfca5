// The token of actions: where it comes from, that an upgrade keeps it, and what is refused.
import { describe, expect, test } from "vitest";
import { TOKEN_MIN_CHARS } from "../../agent/base/token-file.ts";
import { cluster } from "./cluster.ts";
import { HELMS, only, refusal, render, WHY_NO_HELM } from "./helm.ts";

const ON = { config: { actions: { enabled: true } } };
const secretsOf = async (values: unknown, kubeconfig?: string) =>
  (await render({ values, ...(kubeconfig !== undefined && { kubeconfig }) })).filter(({ kind }) => kind === "Secret");
const tokenIn = (secret: unknown, key = "token") =>
  Buffer.from((secret as { readonly data: Record<string, string> }).data[key]!, "base64").toString();

describe.skipIf(HELMS.length === 0)(`the token of actions (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`, () => {
  test("is not there while actions are off", async () => {
    const rendered = await render();
    expect(rendered.filter(({ kind }) => kind === "Secret")).toEqual([]);
    expect(JSON.stringify(only(rendered, "DaemonSet"))).not.toContain("/etc/internode/token");
  });

  test("is made long enough, another for each release, and mounted where the configuration points", async () => {
    const first = await render({ values: ON });
    const token = tokenIn(only(first, "Secret", "internode-token"));
    const other = tokenIn(only(await render({ values: ON, release: "other-internode" }), "Secret"));
    expect(token.length).toBeGreaterThanOrEqual(2 * TOKEN_MIN_CHARS);
    expect(other).not.toBe(token);
    const config = JSON.parse(only(first, "ConfigMap", "internode").data["config.json"]!) as object;
    expect(config).toMatchObject({ actions: { enabled: true }, tokenFile: "/etc/internode/token/token" });
    const { volumes, containers } = only(first, "DaemonSet").spec.template.spec;
    expect(volumes).toContainEqual({
      name: "token",
      secret: { secretName: "internode-token", defaultMode: 0o644, items: [{ key: "token", path: "token" }] },
    });
    expect(containers[0]!.volumeMounts).toContainEqual({
      name: "token",
      mountPath: "/etc/internode/token",
      readOnly: true,
    });
  });

  test("is kept over an upgrade", async () => {
    const kept = Buffer.from("the-token-of-last-week").toString("base64");
    await using there = await cluster({ secrets: { "internode-token": { token: kept } } });
    const [secret] = await secretsOf(ON, there.kubeconfig);
    expect(tokenIn(secret)).toBe("the-token-of-last-week");
  });

  test("is the user's own where one is named, and then the chart makes none", async () => {
    const values = { ...ON, secrets: { token: { name: "ours", key: "word" } } };
    const rendered = await render({ values });
    expect(rendered.filter(({ kind }) => kind === "Secret")).toEqual([]);
    expect(only(rendered, "DaemonSet").spec.template.spec.volumes).toContainEqual({
      name: "token",
      secret: { secretName: "ours", defaultMode: 0o644, items: [{ key: "word", path: "word" }] },
    });
    expect(only(rendered, "ConfigMap", "internode").data["config.json"]).toContain("/etc/internode/token/word");
  });

  test("must be named where the chart may not look for the one it made, and the way is told", async () => {
    const message = await refusal({ values: { ...ON, askCluster: false } });
    expect(message).toMatch(/secrets\.token\.name/);
    expect(message).toMatch(/create secret generic internode-token --from-literal=token=/);
    expect(
      await refusal({ values: { ...ON, askCluster: false, secrets: { token: { name: "ours" } } } }),
    ).toBeUndefined();
  });

  test("has one place only", async () => {
    expect(await refusal({ values: { config: { ...ON.config, tokenFile: "/x" } } })).toMatch(/config\.tokenFile/);
  });
});
