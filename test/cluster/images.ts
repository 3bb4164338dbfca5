// The images the cluster itself runs on, made here because none can be pulled: pod sandboxes and CoreDNS.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./command.ts";
import { writeProgramImage } from "./oci-archive.ts";

export const PAUSE_IMAGE = "internode.test/pause:1";
export const COREDNS_IMAGE = "internode.test/coredns:1";

const PAUSE_SOURCE = fileURLToPath(new URL("pause.c", import.meta.url));

/** Also process 1 of every machine. */
export async function compilePause(folder: string): Promise<string> {
  const program = join(folder, "pause");
  await run("gcc", ["-O2", "-static", "-s", "-Wall", "-Werror", "-o", program, PAUSE_SOURCE]);
  return program;
}

/** Archives to import into every node. */
export async function writeOwnImages(
  folder: string,
  programs: { readonly pause: string; readonly coredns: string },
): Promise<readonly string[]> {
  const pause = join(folder, "pause.tar");
  const coredns = join(folder, "coredns.tar");
  await writeProgramImage(pause, {
    reference: PAUSE_IMAGE,
    program: { name: "pause", content: await readFile(programs.pause) },
    user: "65535:65535",
  });
  await writeProgramImage(coredns, {
    reference: COREDNS_IMAGE,
    program: { name: "coredns", content: await readFile(programs.coredns) },
    user: "65532:65532",
  });
  return [pause, coredns];
}
