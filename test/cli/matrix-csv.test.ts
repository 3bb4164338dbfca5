import { afterEach, expect, test, vi } from "vitest";
import { startAgent } from "../api/api-mesh.ts";
import { printedBy } from "../support/run-command.ts";
import { sampleNodes } from "../support/sample-mesh.ts";

afterEach(() => vi.restoreAllMocks());

const run = async (...argv: string[]) => {
  const { code, out, err } = await printedBy("matrix", "-o", "csv", ...argv);
  return { code, lines: out.split("\n"), err };
};

test("CSV has lines of the rows that came, and names those that did not on standard error", async () => {
  const mesh = { nodes: 3, zones: 1 };
  const [node, , gone] = sampleNodes(mesh);
  const agent = await startAgent(mesh, node!, "127.0.0.1", { deadlineMs: 300 });
  await using opened = new AsyncDisposableStack();
  opened.use(agent.api);
  agent.agent.apis = [{ node: gone!, url: "http://127.0.0.9:9", serving: true }];
  const { code, lines, err } = await run("--url", agent.url);
  expect(code).toBe(1);
  expect(new Set(lines.slice(1).map((line) => line.split(",")[0]))).toEqual(new Set([node!.name]));
  expect(err).toMatch(/^internode matrix: No row from node-3: .*127\.0\.0\.9:9.*\. There are no lines from it\.$/m);
  // Of a row that was not asked for nothing is missing.
  expect(await run("--url", agent.url, "--from", node!.name)).toMatchObject({ err: "" });
});
