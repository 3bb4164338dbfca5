import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { reasonOf } from "../../scripts/tools/go-build.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

function command(file: string, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], { cwd: ROOT, encoding: "utf8" });
  return { status, stdout, stderr };
}

const COMMANDS = {
  "cluster:up": "test/cluster/up.ts",
  "cluster:down": "test/cluster/down.ts",
  e2e: "test/e2e/main.ts",
  image: "scripts/image/build.ts",
  tools: "scripts/tools/build.ts",
  "test:kernels": "test/kernels/main.ts",
  "test:judge": "test/diagnosis/bars/main.ts",
  "test:verdicts": "test/live/main.ts",
  bench: "test/bench/run.ts",
  dashboards: "dashboards/main.ts",
  "dashboards:pictures": "test/grafana/main.ts",
  executable: "scripts/executable.mjs",
  manifests: "scripts/static-manifests.ts",
  package: "scripts/npm-package.mjs",
};

test.each(Object.entries(COMMANDS))("npm run %s -- --help says how it is used", (name, file) => {
  const { status, stdout, stderr } = command(file, "--help");
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toContain(`npm run ${name}`);
});

test.each(Object.entries(COMMANDS))(
  "npm run %s with an unknown option names it and shows the help, with exit code 2 and no stack trace",
  (name, file) => {
    const { status, stderr } = command(file, "--colour");
    expect(status).toBe(2);
    expect(stderr).toMatch(new RegExp(`^${name}: .*'--colour'`));
    expect(stderr).toContain(`npm run ${name}`);
    expect(stderr).not.toMatch(/^ +at /m);
  },
);

test.each([
  [["--cni", "calico"], "CNI 'calico': wants scripts, flannel-vxlan, flannel-host-gw, kube-router"],
  [["--policy", "all"], "policy 'all': wants none, kube-router"],
  [["--families", "ipx"], "families 'ipx': wants ipv4, ipv6, both"],
  [["--nodes", "many"], "a cluster of NaN nodes: wants 1 to 50"],
  [["--image", "nowhere.tar"], "there is no archive 'nowhere.tar': npm run image"],
])("npm run cluster:up -- %s is refused in one line, before anything is made", (args, why) => {
  expect(command("test/cluster/up.ts", ...args)).toEqual({ status: 2, stdout: "", stderr: `cluster:up: ${why}\n` });
});

test("what Go could not build is said by its own last words, without what it fetched on the way", () => {
  const downloads = Array.from({ length: 50 }, (_, i) => `go: downloading example.org/module${i} v1.0.0`);
  const why = "tools imports\n\texample.org/gone: reading https://proxy.example/gone.info: 403 Forbidden";
  expect(reasonOf([...downloads, why, ""].join("\n"))).toBe(why);
  expect(reasonOf("")).toBe("go ended without a word");
});
