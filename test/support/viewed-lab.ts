// A lab with a host view in each of its nodes: what its judges say of what is broken there, and of which cause.
import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { judgeOrder } from "../../agent/judge/order.ts";
import type { Finding, FindingCode, Verdict } from "../../agent/model/finding.ts";
import { configFileOf } from "../../lab/agent-files.ts";
import { dieWithParent } from "../../lab/agent-process.ts";
import { createLab, type Lab, type LabOptions } from "../../lab/lab.ts";
import { fetchSocket } from "./fetch-socket.ts";
import { SLOWER_BY } from "./slower.ts";

const MAIN = fileURLToPath(new URL("../../agent/main.ts", import.meta.url));
/** Often, and yet a busy machine that stands still for half a second loses nothing. */
export const OFTEN = { intervalMs: 1_000, timeoutMs: 900 };
const [TRIES, TRY_EVERY_MS] = [180, 500];

export const ask = async <T>(lab: Lab, node: string, path: string): Promise<T> =>
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

export async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  let last: unknown;
  for (let tries = 0; tries < TRIES * SLOWER_BY; tries++) {
    const found = await look().catch((err: unknown) => void (last = err));
    if (found !== undefined) return found;
    await sleep(TRY_EVERY_MS);
  }
  throw new Error(`never: ${what}`, { cause: last });
}

/** Which finding, where one with the cause may be followed by a better one. */
export interface Which {
  readonly code?: FindingCode;
  readonly node?: string;
}

/** A lab whose judges ask host views, and nodes that judge last: what is broken must not be the judge. */
export class ViewedLab implements AsyncDisposable {
  readonly lab: Lab;
  readonly #views: Disposable;
  readonly judge: string;
  readonly victim: string;
  readonly other: string;

  private constructor(lab: Lab) {
    this.lab = lab;
    this.#views = startHostViews(lab);
    const order = judgeOrder(lab.nodes, undefined).map(({ name }) => name);
    [this.judge, this.victim, this.other] = [order[0]!, order.at(-1)!, order.at(-2)!];
  }

  static async open(options: LabOptions): Promise<ViewedLab> {
    const { settings, ...shape } = options;
    return new ViewedLab(
      await createLab({ zones: 1, ...shape, settings: { ...settings, hostView: { enabled: true } } }),
    );
  }

  /** The same, once nothing is wrong in it. */
  static async openCalm(options: LabOptions): Promise<ViewedLab> {
    await using stack = new AsyncDisposableStack();
    const viewed = stack.use(await ViewedLab.open(options));
    await viewed.#calm();
    stack.move();
    return viewed;
  }

  /** Until all agents run, and the judges find nothing. */
  async #calm(): Promise<void> {
    await until("that nothing is wrong", async () => {
      const { state } = await ask<Verdict>(this.lab, this.judge, "/api/v1/verdict");
      return state === "fine" ? true : undefined;
    });
  }

  /** What is wrong but a machine that is too busy for this test. */
  async findings(): Promise<readonly Finding[]> {
    const { findings } = await ask<Verdict>(this.lab, this.judge, "/api/v1/verdict");
    return findings.filter(({ code }) => code !== "IN-AGENT-STARVED");
  }

  /**
   * The finding with a cause that the kernels tell, in these words, as its first. What the first judgement calls loss,
   * while its window still begins before the fault, the next calls cut, and what it says of a pair the next may say of a
   * node: with a code or a node, the finding that has come to it.
   */
  causedBy(wanted: RegExp, { code, node }: Which = {}): Promise<Finding> {
    return until(`${code ?? "a finding"} of ${node ?? "anything"} with a cause that says ${wanted}`, async () => {
      const findings = await this.findings();
      const found = findings.find(
        ({ causes, subject, ...one }) =>
          wanted.test(causes[0]!.text) &&
          one.code === (code ?? one.code) &&
          (node === undefined || (subject.kind === "node" && subject.node === node)),
      );
      if (!found) throw new Error(findings.map((one) => `${one.code}: ${one.text} ${one.causes[0]!.text}`).join("; "));
      return found;
    });
  }

  /** Breaks it until the judges have found it and a kernel's words are the first cause. */
  async explained(fault: string, wanted: RegExp, which?: Which): Promise<Finding> {
    const { id } = await this.lab.inject(fault);
    let found: Finding;
    try {
      found = await this.causedBy(wanted, which);
    } finally {
      await this.lab.clear(id);
    }
    // Of a machine that is busy with other things there may be more.
    await until(`that is over: ${wanted}`, async () => {
      const findings = await this.findings();
      return findings.some(({ causes }) => causes.some(({ text }) => wanted.test(text))) ? undefined : true;
    });
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#views[Symbol.dispose]();
    await this.lab[Symbol.asyncDispose]();
  }
}
