// The command line from a laptop, against a real cluster: what docs/cli shows of each command is what it prints; what may
// not be read, does not answer or is gone is a sentence, and never a trace.
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "js-yaml";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WHY_NOT_FOREIGN } from "./arguments.ts";
import { internode } from "./internode.ts";
import { Examples, kubeconfigOf, seenOf } from "./pages.ts";
import { Release } from "./release.ts";
import { helms, IS_FOREIGN, Target } from "./target.ts";

/** Of the cluster, of agents, or of both. */
const ALL = ["doctor", "matrix", "topology", "cni", "dns", "policy", "cleanup", "troubleshoot", "all"];
/** These are made from what agents say; the others from objects of the cluster. */
const OF_AGENTS = ["doctor", "matrix", "dns", "all"];
const NAMESPACE = "internode";

describe.skipIf(IS_FOREIGN)(`the command line (${WHY_NOT_FOREIGN})`, () => {
  let target: Target;
  let folder: string;
  beforeAll(async () => {
    const [helm] = await helms();
    folder = await mkdtemp(join(tmpdir(), "internode-cli-"));
    target = await Target.open({ zones: 3 });
    await Release.install(target, { helm: helm!, namespace: NAMESPACE });
  });
  afterAll(async () => {
    await target?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const ask = (...words: readonly string[]) => internode(words, { kubeconfig: target.kubeconfig });

  const seen = (when: "calm" | "cut") =>
    seenOf(
      { when, on: "plain" },
      new Examples({ kubeconfig: target.kubeconfig, kubectl: (args) => target.kubectl(args) }),
    );

  test("prints about a calm cluster what the pages show", async () => {
    const { seen: printed, wanted } = await seen("calm");
    expect(printed).toEqual(wanted);
  });

  test("has one exit code for every output, and a version in JSON", async () => {
    for (const command of ["doctor", "matrix", "topology", "cni", "dns", "policy", "cleanup", "all"]) {
      const codes = await Promise.all(
        ["table", "markdown", "json"].map(async (output) => (await ask(command, "-o", output)).code),
      );
      expect({ command, codes }).toEqual({ command, codes: [0, 0, 0] });
      expect(JSON.parse((await ask(command, "-o", "json")).out)).toMatchObject({ schemaVersion: 1 });
    }
  });

  test("says in an agent's pod what only the API server could tell, and tells the rest", async () => {
    const inPod = (command: string) =>
      target
        .kubectl(["--namespace", NAMESPACE, "exec", "daemonset/internode", "--", "internode", command])
        .catch((err: unknown) => (err as Error).message);
    expect(await inPod("doctor")).toContain("Nothing is wrong between 3 nodes");
    expect(await inPod("matrix")).toContain("3 of 3 rows");
    expect(await inPod("dns")).toContain("Lookups work on 3 nodes");
    for (const command of ["topology", "cni", "policy", "cleanup"])
      expect(await inPod(command)).toContain("an agent's pod has no right to read the cluster, on purpose");
  });

  test("tells somebody without any right which rule would help, in every command", async () => {
    using nobody = await kubeconfigOf("nobody", [], {
      kubeconfig: target.kubeconfig,
      kubectl: (args) => target.kubectl(args),
    });
    const { kubeconfig } = nobody;
    for (const command of ALL) {
      const { code, out, err } = await internode([command], { kubeconfig });
      expect({ command, code }).toEqual({ command, code: command === "troubleshoot" ? 0 : 1 });
      expect(out + err, command).toContain("the RBAC rule that allows it: apiGroups:");
      expect(out + err, command).not.toMatch(/^ +at /m);
    }
  });

  test("takes its credentials from an exec plugin, for requests and for port-forwards, and says what a broken one says", async () => {
    const name = "plugin";
    await target.kubectl(["create", "serviceaccount", name, "--namespace", "default"]);
    const role = ["--clusterrole", "cluster-admin", "--serviceaccount", `default:${name}`];
    await target.kubectl(["create", "clusterrolebinding", `cli-${name}`, ...role]);
    const token = (await target.kubectl(["create", "token", name, "--namespace", "default"])).trim();
    const calls = join(folder, "calls");
    const plugin = join(folder, "plugin.sh");
    const credential = { apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status: { token } };
    writeFileSync(plugin, `#!/bin/sh\necho called >> ${calls}\ncat <<'END'\n${JSON.stringify(credential)}\nEND\n`);
    chmodSync(plugin, 0o755);
    const config = load(readFileSync(target.kubeconfig, "utf8")) as { users: { user: object }[] };
    const withPlugin = (command: string): string => {
      const exec = { apiVersion: "client.authentication.k8s.io/v1", command, interactiveMode: "Never" };
      const kubeconfig = join(folder, "exec.yaml");
      writeFileSync(kubeconfig, JSON.stringify({ ...config, users: [{ ...config.users[0], user: { exec } }] }));
      return kubeconfig;
    };
    for (const command of ["matrix", "topology", "doctor", "dns"]) {
      const { code, out, err } = await internode([command], { kubeconfig: withPlugin(plugin) });
      expect({ command, code, err }).toEqual({ command, code: 0, err: "" });
      expect(out, command).not.toMatch(/cannot be asked|not allowed/);
    }
    expect((await internode(["doctor"], { kubeconfig: withPlugin(plugin) })).out).toMatch(
      /Judged by the agent of node-\d/,
    );
    expect(readFileSync(calls, "utf8")).toContain("called");
    for (const [broken, said] of [
      ["/nowhere/plugin", /exec plugin '\/nowhere\/plugin' of user .* gives no credentials: spawn .*ENOENT/],
      ["/bin/false", /exec plugin '\/bin\/false' of user .* gives no credentials: it failed without a word/],
    ] as const) {
      const { code, out, err } = await internode(["doctor"], { kubeconfig: withPlugin(broken) });
      expect(code).toBe(1);
      expect(out + err).toMatch(said);
      expect(out + err).not.toMatch(/^ +at |Nobody thought of this/m);
    }
  });

  test("says that nobody answers where there is no cluster", async () => {
    const kubeconfig = join(folder, "nowhere.yaml");
    const text = readFileSync(target.kubeconfig, "utf8");
    writeFileSync(kubeconfig, text.replaceAll(/https:\/\/[\d.]+:\d+/g, "https://127.0.0.1:9"));
    for (const command of ALL) {
      const { code, out, err } = await internode([command], { kubeconfig });
      expect({ command, code }).toEqual({ command, code: command === "troubleshoot" ? 0 : 1 });
      expect(out + err, command).toContain("127.0.0.1:9");
      expect(out + err, command).not.toMatch(/^ +at /m);
    }
  });

  test("prints about a cluster that has lost a node what the pages show", async () => {
    await target.own.node("node-3").cutLink();
    const { seen: printed, wanted } = await seen("cut");
    expect(printed).toEqual(wanted);
    expect((await ask("doctor")).code).toBe(1);
    expect((await ask("doctor", "-o", "json")).code).toBe(1);
    expect((await ask("matrix")).code).toBe(1);
  });

  test("goes on with the one agent that is left, names the two that are silent, and ends", async () => {
    await target.own.node("node-2").freeze();
    const asked = ALL.map(async (command) => ({ command, ended: await ask(command) }));
    for (const { command, ended } of await Promise.all(asked)) {
      const { code, out, err } = ended;
      expect(out + err, command).not.toMatch(/^ +at |Nobody thought of this/m);
      if (!OF_AGENTS.includes(command)) continue;
      // Lookups work where they can be seen, unless the pod of cluster DNS is on a silent node.
      const isFault = command !== "dns" || out.includes("Lookups fail on node-1");
      expect({ command, code }).toEqual({ command, code: isFault ? 1 : 0 });
      for (const silent of ["node-2", "node-3"])
        expect(out, command).toMatch(new RegExp(`${silent}.*(no answer|could not be asked|is gone|no row)`));
    }
    await target.own.node("node-2").thaw();
  });
});
