// Records what a judge sees in a real cluster with a real CNI: brings the cluster up, installs the chart, breaks one thing
// after the other, and takes the cluster down.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { readOptions, runCommand } from "../../../scripts/command-line.ts";
import { ensureTools } from "../../../scripts/tools/cache.ts";
import { createCluster, type Cluster } from "../../cluster/cluster.ts";
import { run } from "../../cluster/command.ts";
import { endWith } from "../../live/end-with.ts";
import { CLUSTER_SCENES, RECORDED_CNIS } from "./cluster-scenes.ts";
import { JUDGE } from "./plan.ts";
import { fileOf, record, rested, say, type Ask } from "./recorder.ts";

const HELP = `Records what a judge sees of a real cluster of three nodes: node scripts/node.mjs test/diagnosis/corpus/record-cluster.ts OPTIONS

  --cni NAME         ${RECORDED_CNIS.join(" or ")}
  --image FILE       what 'npm run image' wrote
  --only TEXT        scenes with this in their name (default all)
  --again            also those that are recorded
  --never-tuned-on   marks them: nothing in the judge was set by them

Needs root and Go, and a quarter of an hour. The cluster is taken down at the end, and by Ctrl-C.`;

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const NAMESPACE = "internode";
const NODES = 3;

const values = readOptions("record-cluster", HELP, {
  cni: { type: "string" },
  image: { type: "string" },
  only: { type: "string", default: "" },
  again: { type: "boolean", default: false },
  "never-tuned-on": { type: "boolean", default: false },
});

await runCommand("record-cluster", async () => {
  const cni = RECORDED_CNIS.find((name) => name === values.cni);
  if (cni === undefined) throw new RangeError(`--cni: wants ${RECORDED_CNIS.join(" or ")}`);
  if (values.image === undefined || !existsSync(values.image))
    throw new RangeError(`--image: wants an archive that is there: npm run image`);
  const { on, scenes } = CLUSTER_SCENES[cni];
  const wanted = scenes
    .map((scene) => ({ ...scene, file: fileOf(`${NODES}-${on}-${scene.name}`) }))
    .filter(({ name, file }) => name.includes(values.only) && (values.again || !existsSync(file)));
  if (wanted.length === 0) return say("all of them are recorded: --again records anew");

  await using cluster = await createCluster({ name: "recording", nodes: NODES, zones: NODES, cni, log: say });
  endWith(cluster);
  await install(cluster, values.image);
  await using door = await loopbackOf(cluster);
  for (const { name, what, file, truths, seconds, break: breakIt } of wanted) {
    say(`${name}: waiting until all is fine`);
    await rested(door.ask);
    let repair = (): Promise<unknown> => Promise.resolve();
    await record({
      ask: door.ask,
      isReadinessTold: true,
      file,
      what: `a real cluster of ${NODES} nodes with ${on}: ${what}`,
      faults: [name],
      truths,
      seconds,
      isNeverTunedOn: values["never-tuned-on"],
      break: async () => {
        repair = await breakIt(cluster);
      },
      repair: () => repair(),
    }).catch((err: unknown) => {
      say(`${name}: ${String(err)}`);
      process.exitCode = 1;
    });
  }
});

/** Cluster DNS runs beside the judge: where it is lost with a node, that is a finding of its own. */
async function install(cluster: Cluster, image: string): Promise<void> {
  await cluster.importImage(image);
  const nodeSelector = { "kubernetes.io/hostname": JUDGE };
  const patch = JSON.stringify({ spec: { template: { spec: { nodeSelector } } } });
  const dns = ["--namespace", "kube-system"];
  await cluster.kubectl([...dns, "patch", "deployment", "coredns", "--patch", patch]);
  await cluster.kubectl([...dns, "rollout", "status", "deployment/coredns", "--timeout=110s"]);
  const { helm } = await ensureTools(["helm"]);
  const words = ["install", "internode", `${ROOT}chart`, "--namespace", NAMESPACE, "--create-namespace"];
  await run(helm!, words, { env: { KUBECONFIG: cluster.kubeconfig } });
  const status = ["rollout", "status", "daemonset/internode", "--timeout=110s"];
  await cluster.kubectl(["--namespace", NAMESPACE, ...status]);
}

/** The judge's API as it answers who is at its loopback: through a port-forward. */
async function loopbackOf(cluster: Cluster): Promise<{ readonly ask: Ask } & AsyncDisposable> {
  const { kubectl } = await ensureTools(["kubernetes"]);
  const selector = ["--selector=app.kubernetes.io/name=internode", `--field-selector=spec.nodeName=${JUDGE}`];
  const name = ["--namespace", NAMESPACE, "get", "pods", ...selector, "--output=jsonpath={.items[0].metadata.name}"];
  const pod = await cluster.kubectl(name);
  const child = spawn(kubectl!, ["--namespace", NAMESPACE, "port-forward", pod, ":8843"], {
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
    stdio: ["ignore", "pipe", "inherit"],
  });
  // Also where this process is told to end.
  process.once("exit", () => child.kill());
  const ended = new Promise<never>((_, reject) => {
    child.once("error", reject);
    child.once("close", (code) => reject(new Error(`the port-forward ended with ${code}`)));
  });
  ended.catch(() => {});
  const opened = (async () => {
    for await (const line of createInterface(child.stdout)) {
      const [url] = /127\.0\.0\.1:\d+/.exec(line) ?? [];
      if (url !== undefined) return `http://${url}`;
    }
    return ended;
  })();
  const url = await Promise.race([opened, ended]);
  child.stdout.resume();
  return {
    ask: async <T>(path: string) => {
      const answer = await fetch(new URL(path, url), { signal: AbortSignal.timeout(20_000) });
      if (!answer.ok) throw new Error(`${path}: HTTP ${answer.status}: ${await answer.text()}`);
      return (await answer.json()) as T;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await ended.catch(() => {});
    },
  };
}
