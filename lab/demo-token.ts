// How an action's command finds the token of a demo that runs on this machine: by the address of its pages, which the
// demo writes into its lab's directory, where only its owner may look.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tokenFileOf } from "./agent-files.ts";
import { findLabs } from "./run-directory.ts";

const pagesFileOf = (directory: string): string => join(directory, "pages.json");

export async function writePages(directory: string, pages: readonly { readonly page: string }[]): Promise<void> {
  await writeFile(pagesFileOf(directory), JSON.stringify(pages.map(({ page }) => page)), { mode: 0o600 });
}

/** Undefined: no running demo of this user has a page there. Never rejects. */
export async function demoTokenFile(url: string): Promise<string | undefined> {
  const { hostname, port } = new URL(url);
  if (!["127.0.0.1", "localhost"].includes(hostname)) return undefined;
  for (const { directory, running } of await findLabs().catch(() => [])) {
    if (!running) continue;
    const pages = await pagesOf(directory);
    if (pages.some((page) => new URL(page).port === port)) return tokenFileOf(directory);
  }
  return undefined;
}

async function pagesOf(directory: string): Promise<readonly string[]> {
  const text = await readFile(pagesFileOf(directory), "utf8").catch(() => "[]");
  try {
    return (JSON.parse(text) as readonly string[]).filter((page) => URL.canParse(page));
  } catch {
    return []; // It is being written.
  }
}
