// Host views in the nodes of a lab: what agents read from them, and that the judges name the entry that is wrong as the cause
// of what is lost.
import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { judgeOrder } from "../../agent/judge/order.ts";
import type { Verdict } from "../../agent/model/finding.ts";
import { nodeViewSchema, itemsOf, type NodeView } from "../../agent/model/node-view.ts";
import { configFileOf } from "../../lab/agent-files.ts";
import { dieWithParent } from "../../lab/agent-process.ts";
import { createLab, type Lab } from "../../lab/lab.ts";
import { fetchSocket } from "../support/fetch-socket.ts";
import { needs } from "../support/needs.ts";

const { describe, test } = await needs("namespaces");
const MAIN = fileURLToPath(new URL("../../agent/main.ts", import.meta.url));

const ask = async <T>(lab: Lab, node: string, path: string): Promise<T> =>
  JSON.parse(await fetchSocket(lab.target(node, "http").path, path)) as T;

/** One in each node's own namespace. They end with this process, and with the stack. */
function startHostViews(lab: Lab): Disposable {
  const children = lab.nodes.map(({ name, nodeNamespace, nodeAddresses }): ChildProcess => {
    const config = ["--config", configFileOf(lab.directory, name), "--listen", nodeAddresses[0]!];
    const command = [...dieWithParent(), "ip", "netns", "exec", nodeNamespace, process.execPath, MAIN, "host-view"];
    return spawn(command[0]!, [...command.slice(1), ...config], { stdio: "ignore" });
  });
  return {
    [Symbol.dispose]() {
      for (const child of children) child.kill("SIGKILL");
    },
  };
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  let last: unknown;
  for (let tries = 0; tries < 180; tries++) {
    const found = await look().catch((err: unknown) => void (last = err));
    if (found !== undefined) return found;
    await sleep(500);
  }
  throw new Error(`never: ${what}`, { cause: last });
}

describe("with host views in a lab", { timeout: 600_000, retry: 1 }, () => {
  test("an agent reads each node's kernel, and the judges tell which entry of which node is wrong", async ({
    expect,
  }) => {
    await using lab = await createLab({ nodes: 4, zones: 1, settings: { hostView: { enabled: true } } });
    using views = startHostViews(lab);
    void views;
    const judges = judgeOrder(lab.nodes, undefined).map(({ name }) => name);
    const [judge, , from, to] = judges as [string, string, string, string];

    const view = await until("a view of another node", async () => {
      const answer = await ask<NodeView>(lab, judge, `/api/v1/node?of=${from}&namespace=host`);
      return "schemaVersion" in answer ? answer : undefined;
    });
    expect(nodeViewSchema.parse(view)).toMatchObject({ namespace: "host", node: { name: from } });
    expect(itemsOf(view.interfaces).find(({ kind }) => kind === "vxlan")).toMatchObject({
      name: "vxlan0",
      tunnel: { id: 1, local: lab.node(from).nodeAddresses[0] },
    });
    expect(itemsOf(view.forwarding).filter(({ device }) => device === "vxlan0")).toHaveLength(3);

    const cause = (wanted: RegExp) =>
      until(`a cause that says ${wanted}`, async () => {
        const { findings } = await ask<Verdict>(lab, judge, "/api/v1/verdict");
        return findings.find(({ causes }) => wanted.test(causes[0]!.text));
      });
    const subnet = `10\\.244\\.${lab.node(to).number}\\.0/24`;
    const { id } = await lab.inject(`unroute ${from}->${to}`);
    const cut = await cause(new RegExp(`^${from} has no route to ${subnet} of ${to} \\(every other node has one, by `));
    expect(cut.next).toBe(`internode routes ${from} ${to}`);
    await lab.clear(id);
    await until("that it is over", async () => {
      const { findings } = await ask<Verdict>(lab, judge, "/api/v1/verdict");
      return findings.length === 0 ? true : undefined;
    });
    await lab.inject(`misdirect ${from}->${to}`);
    const wrong = await cause(
      new RegExp(`^${from} sends what is for ${to} by vxlan0 to 10\\.10\\.0\\.254, which is no address of a node`),
    );
    expect(wrong.next).toBe(`internode neighbours ${from} ${to}`);
  });
});
