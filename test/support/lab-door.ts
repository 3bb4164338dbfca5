// The command line against the agents of a lab, by a port of 127.0.0.1 that leads to the agent of its first node.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { pipeline } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { tokenFileOf } from "../../lab/agent-files.ts";
import { untilAnswering } from "../../lab/gateways.ts";
import type { Lab } from "../../lab/lab.ts";

export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface LabDoor extends AsyncDisposable {
  readonly url: string;
  /** Runs it to its end, with the agents' token. */
  internode(words: readonly string[]): Promise<Said>;
}

const MAIN = fileURLToPath(new URL("../../agent/main.ts", import.meta.url));

/** When every agent answers, and knows every other. */
export async function openLabDoor(lab: Lab): Promise<LabDoor> {
  const [first] = lab.nodes;
  const server = createServer((socket) => {
    const agent = connect(lab.target(first!.name, "http"));
    // Either end may go first.
    pipeline(socket, agent, socket, () => {});
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await Promise.all(lab.nodes.map(({ name }) => untilAnswering(lab, name)));
  while (!(await everybodyKnown(url, lab.nodes.length))) await sleep(100);
  return {
    url,
    async internode(words) {
      const reach = ["--url", url, "--token-file", tokenFileOf(lab.directory)];
      const child = spawn(process.execPath, [MAIN, ...words, ...reach], { env: { ...process.env, NO_COLOR: "1" } });
      let [out, err] = ["", ""];
      child.stdout.on("data", (text: Buffer) => (out += text.toString()));
      child.stderr.on("data", (text: Buffer) => (err += text.toString()));
      const [code] = (await once(child, "close")) as [number | null];
      return { code, out, err };
    },
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}

async function everybodyKnown(url: string, nodes: number): Promise<boolean> {
  const mesh = (await (await fetch(`${url}/api/v1/mesh`)).json()) as { readonly rows?: readonly unknown[] };
  return mesh.rows?.length === nodes;
}
