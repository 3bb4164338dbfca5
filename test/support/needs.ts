// What a test needs of the machine. Where it cannot be had the test is skipped, and its name says why and what would
// allow it; where nothing may be skipped (.ci/run) its file fails instead.
import { existsSync } from "node:fs";
import { describe, test, type SuiteAPI, type TestAPI } from "vitest";
import { inWords, isRight, refusalOf, type Refusal, type Right } from "../../lab/rights.ts";
import { installLine, missingPrograms, PROGRAMS } from "../../scripts/programs.mjs";
import { builtTools } from "../../scripts/tools/cache.ts";
import { fetchedNode, type OtherNode } from "../../scripts/tools/node.ts";
import { RECIPES, type ToolName } from "../../scripts/tools/recipes.ts";

export type Program = keyof typeof PROGRAMS.test;
/** Between a test's own name and why it was skipped; scripts/test/summary.ts reads it. */
export const SKIPPED = "[skipped for want of ";

/** A right, a program of a Debian package, the one npm package that compiles, or a tool that is built: `built helm`. */
export type Wanted = Right | Program | "raw-socket" | `node ${OtherNode}` | `built ${ToolName}`;

export interface Needs {
  /** vitest's own where all is here; else they skip, and add the reason to the names. */
  readonly test: TestAPI;
  readonly describe: SuiteAPI;
}

const RAW_SOCKET = new URL("../../node_modules/raw-socket/build/Release/raw.node", import.meta.url);
const MAY_SKIP = process.env["SKIP_NOTHING"] !== "true";

/** `const { describe } = await needs("namespaces", "tcpdump")` */
export async function needs(...wanted: readonly Wanted[]): Promise<Needs> {
  const why = await refusalOfTest(...wanted);
  if (why === undefined) return { test, describe };
  const name = (sentence: string) => `${sentence} ${SKIPPED}${why}]`;
  return { test: renaming(test.skip, name) as TestAPI, describe: renaming(describe.skip, name) as SuiteAPI };
}

/** What is missing, why and with the cure; throws where nothing may be skipped. */
export async function refusalOfTest(...wanted: readonly Wanted[]): Promise<string | undefined> {
  for (const one of wanted) {
    const refusal = await refusalOfOne(one);
    if (refusal === undefined) continue;
    const why = `${one}: ${inWords(refusal)}`.replaceAll("\n", "; ").replaceAll("]", ")");
    if (!MAY_SKIP) throw new Error(`nothing may be skipped in this run, and these tests cannot run here. ${why}`);
    return why;
  }
  return undefined;
}

/** `api`, its `each` and what that returns, with another first argument where it is the name of a test. */
function renaming<F extends object>(api: F, name: (sentence: string) => string, self?: object): F {
  return new Proxy(api, {
    apply(target, _self, args: unknown[]) {
      const [first, ...rest] = args;
      const named = typeof first === "string" ? [name(first), ...rest] : args;
      const result: unknown = Reflect.apply(target as unknown as () => unknown, self, named);
      return typeof result === "function" ? renaming(result, name) : result;
    },
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? renaming(value, name, target) : value;
    },
  });
}

async function refusalOfOne(wanted: Wanted): Promise<Refusal | undefined> {
  if (isRight(wanted)) return refusalOf(wanted);
  if (wanted.startsWith("built ")) {
    const tool = wanted.slice("built ".length) as ToolName;
    if (!(tool in RECIPES)) throw new Error(`there is no recipe for '${tool}'`);
    return builtTools([tool]) ? undefined : { reason: "not built here", cure: `npm run tools -- ${tool}` };
  }
  if (wanted === "node 20" || wanted === "node 22")
    return fetchedNode(wanted === "node 20" ? 20 : 22)
      ? undefined
      : { reason: "not fetched yet", cure: `npm run tools -- ${wanted.replace(" ", "")}` };
  if (wanted === "raw-socket")
    return existsSync(RAW_SOCKET)
      ? undefined
      : { reason: "not compiled here", cure: installLine(["make", "g++", "python3"]) };
  const program = wanted as Program;
  return missingPrograms([program]).length === 0
    ? undefined
    : { reason: "not installed here", cure: installLine([PROGRAMS.test[program]]) };
}
