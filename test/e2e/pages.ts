// What the pages of docs/cli show, and what a live cluster prints.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { load } from "js-yaml";
import { LIVE_PAGES, outputsOf, shapeOf, type LiveCluster, type LiveExample } from "../../scripts/live-pages.ts";
import { internode, type Ended } from "./internode.ts";

export interface Printed {
  readonly line: string;
  readonly err: string;
  readonly shape: readonly string[];
}

type Kubectl = (args: readonly string[]) => Promise<string>;
type Asked = Pick<LiveExample, "when"> & { readonly on: LiveCluster };

export const isOn = ({ when, on = "plain" }: LiveExample, asked: Asked): boolean =>
  when === asked.when && on === asked.on;

/** A kubeconfig of somebody who may list these and nothing else. */
export async function kubeconfigOf(
  name: string,
  reads: readonly string[],
  { kubeconfig, kubectl }: { readonly kubeconfig: string; readonly kubectl: Kubectl },
): Promise<{ readonly kubeconfig: string } & Disposable> {
  await kubectl(["create", "serviceaccount", name, "--namespace", "default"]);
  if (reads.length > 0) {
    await kubectl(["create", "clusterrole", name, "--verb=list", `--resource=${reads.join(",")}`]);
    await kubectl(["create", "clusterrolebinding", name, `--clusterrole=${name}`, `--serviceaccount=default:${name}`]);
  }
  const token = (await kubectl(["create", "token", name, "--namespace", "default"])).trim();
  const config = load(readFileSync(kubeconfig, "utf8")) as { users: { user: object }[] };
  const folder = mkdtempSync(join(tmpdir(), "internode-user-"));
  const file = join(folder, "kubeconfig");
  writeFileSync(file, JSON.stringify({ ...config, users: [{ ...config.users[0], user: { token } }] }));
  return { kubeconfig: file, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Runs one example after the other against one cluster, each by its own user. */
export class Examples implements Disposable {
  readonly #cluster: { readonly kubeconfig: string; readonly kubectl: Kubectl };
  readonly #users = new Map<string, Awaited<ReturnType<typeof kubeconfigOf>>>();

  constructor(cluster: { readonly kubeconfig: string; readonly kubectl: Kubectl }) {
    this.#cluster = cluster;
  }

  async run({ words, reads }: LiveExample): Promise<Ended> {
    if (reads === undefined) return internode(words, this.#cluster);
    const name = `reader-of-${reads.join("-")}`;
    const user = this.#users.get(name) ?? (await kubeconfigOf(name, reads, this.#cluster));
    this.#users.set(name, user);
    return internode(words, user);
  }

  [Symbol.dispose](): void {
    for (const user of this.#users.values()) user[Symbol.dispose]();
  }
}

/** A minute after the installation, or after a fault, everything that is shown has been measured. */
const SETTLED_MS = 180_000;

export async function seenOf(asked: Asked, examples: Examples) {
  const wanted = LIVE_PAGES.flatMap((page) => {
    const outputs = outputsOf(readFileSync(new URL(`../../docs/cli/${page.command}.md`, import.meta.url), "utf8"));
    return page.examples.flatMap((example, i) =>
      isOn(example, asked) ? [{ example, shape: shapeOf(outputs[i]!) }] : [],
    );
  });
  const shown = wanted.map(({ example, shape }): Printed => ({ line: example.words.join(" "), err: "", shape }));
  let seen: readonly Printed[] = [];
  const deadline = performance.now() + SETTLED_MS;
  do {
    const all: Printed[] = [];
    for (const { example } of wanted) {
      const { out, err } = await examples.run(example);
      all.push({ line: example.words.join(" "), err, shape: shapeOf(out) });
    }
    seen = all;
    await sleep(3_000);
  } while (JSON.stringify(seen) !== JSON.stringify(shown) && performance.now() < deadline);
  return { seen, wanted: shown };
}
