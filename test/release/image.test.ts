// `npm run image -- --to …`: what each destination is given, by programs that stand in for kind, k3s and minikube; and a
// real push to a registry that speaks its real protocol (test/e2e/registry.test.ts).
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Buildah, Export } from "../../scripts/image/buildah.ts";
import { deliver, parseDestination } from "../../scripts/image/destination.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "internode-image-"));
  for (const program of ["kind", "k3s", "minikube"]) {
    const file = join(folder, program);
    writeFileSync(
      file,
      `#!/bin/sh\necho "${program} $*" >>"${folder}/calls"\n[ -z "$FAILS" ] || { echo no cluster >&2; exit 1; }\n`,
    );
    chmodSync(file, 0o755);
  }
  vi.stubEnv("PATH", `${folder}${delimiter}${process.env["PATH"]}`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** A store that notes what leaves it. */
class Store {
  readonly left: string[] = [];
  export(name: string, { file, as, format }: Export): Promise<void> {
    this.left.push(`${name}, called ${as}, as ${format}`);
    writeFileSync(file, "");
    return Promise.resolve();
  }
  push(name: string, target: string, { isPlain }: { isPlain: boolean }): Promise<void> {
    this.left.push(`${name} to ${target}${isPlain ? " without TLS" : ""}`);
    return Promise.resolve();
  }
}

async function delivered(to: string) {
  const store = new Store();
  const archive = join(folder, "internode.tar");
  const name = "docker.io/library/internode:1.2.3";
  const image = { name, stored: `${name}-arm64`, version: "1.2.3", archive };
  const flags = await deliver(parseDestination(to), image, store as unknown as Buildah);
  const calls = existsSync(join(folder, "calls")) ? readFileSync(join(folder, "calls"), "utf8").trim() : "";
  return { flags, calls: calls.replaceAll(folder, ""), left: store.left };
}

test.each([
  ["kind", "kind load image-archive /internode.tar"],
  ["kind:two", "kind load image-archive /internode.tar --name two"],
  ["k3s", "k3s ctr images import /internode.tar"],
])("%s loads the archive", async (to, calls) => {
  expect(await delivered(to)).toEqual({ flags: "", calls, left: [] });
});

test.each([
  ["minikube", ""],
  ["minikube:two", " --profile two"],
])("%s gets an archive that its Docker reads, and nothing of it stays", async (to, flags) => {
  const { calls, left } = await delivered(to);
  expect(calls).toBe(`minikube image load /internode.tar.docker${flags}`);
  expect(left).toEqual([
    "docker.io/library/internode:1.2.3-arm64, called docker.io/library/internode:1.2.3, as docker-archive",
  ]);
  expect(existsSync(join(folder, "internode.tar.docker"))).toBe(false);
});

test.each([
  ["registry.example/team/internode", "registry.example/team/internode:1.2.3", "registry.example/team/internode"],
  ["localhost:5000/internode", "localhost:5000/internode:1.2.3 without TLS", "localhost:5000/internode"],
  ["registry.example/i:next", "registry.example/i:next", "registry.example/i --set-string image.tag=next"],
])("%s is pushed to, and the install is told its name", async (to, target, repository) => {
  expect(await delivered(to)).toEqual({
    flags: ` --set image.repository=${repository}`,
    calls: "",
    left: [`docker.io/library/internode:1.2.3-arm64 to ${target}`],
  });
});

test.each(["", "docker", "internode", "team/internode", "kind:", "kind:-x", "https://registry.example/x", "a.b/X"])(
  "'%s' is refused with what there is instead",
  (to) => {
    expect(() => parseDestination(to)).toThrow(/--to takes kind, kind:CLUSTER, k3s, minikube/);
  },
);

test("a tool that is not there, or fails, is told as such", async () => {
  vi.stubEnv("FAILS", "yes");
  await expect(delivered("kind")).rejects.toThrow(/kind load image-archive.*\n?.*no cluster/s);
  vi.stubEnv("PATH", "/nowhere");
  await expect(delivered("k3s")).rejects.toThrow("there is no 'k3s' on the PATH: install it");
});
