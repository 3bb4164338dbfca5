// promtool on a text: what Prometheus would load.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { PROMTOOL, type Promtool } from "../rules/promtool.ts";

const run = promisify(execFile);

export async function promtool(
  command: readonly string[],
  text: string,
  { path }: Promtool = PROMTOOL,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "internode-chart-"));
  try {
    const file = join(folder, "file.yaml");
    await writeFile(file, text);
    return (await run(path, [...command, file])).stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
