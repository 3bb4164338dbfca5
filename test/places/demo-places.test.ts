// The demo where people are: not root, root of a container, no user namespaces, beside another demo.
import { once } from "node:events";
import { createServer } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Snapshot } from "../../agent/model/snapshot.ts";
import { openDemos, traces, until, type Demo, type Demos } from "../support/demos.ts";
import { needs } from "../support/needs.ts";
import { asOrdinaryUser, WITHOUT_ADMIN, WITHOUT_NAMESPACES } from "../support/places.ts";

const { test: insideTest } = await needs("user namespaces");
const { test: droppingTest } = await needs("user namespaces", "fewer capabilities");
const ordinaryUser = await asOrdinaryUser();

let demos: Demos;
let running: Demo[] = [];
beforeAll(async () => {
  demos = await openDemos();
});
afterEach(async () => {
  // A test that failed must not fail the next one.
  for (const demo of running) await demos.stop(demo, "SIGTERM");
  running = [];
});
afterAll(() => demos[Symbol.asyncDispose]());

async function start(...how: Parameters<Demos["start"]>): Promise<Demo> {
  const demo = await demos.start(...how);
  running.push(demo);
  return demo;
}

const mesh = async ({ page }: Demo): Promise<Snapshot> =>
  (await (await fetch(new URL("/api/v1/mesh", page))).json()) as Snapshot;

/** Paths that both nodes have measured, such as "pod/icmp". */
async function measured(demo: Demo): Promise<string[]> {
  const { rows } = await mesh(demo);
  const paths = rows.map((row) =>
    row.pairs.filter(({ window }) => window.probes > window.failures).map((pair) => `${pair.network}/${pair.protocol}`),
  );
  return (paths[0] ?? []).filter((path) => rows.length === 2 && paths[1]!.includes(path)).sort();
}

async function leavesNothing(demo: Demo): Promise<void> {
  expect(await demos.stop(demo, "SIGTERM")).toBe(0);
  expect(demo.output()).toContain("everything is removed");
  expect(await traces(demo.id, demos.folder)).toEqual([]);
}

async function showsAWholeLab(as: readonly string[]): Promise<void> {
  const demo = await start(["--fault", "loss node-1->node-2 100%"], as);
  const fault = demos.run(["fault", "clear"], as);
  expect([fault.stderr, fault.stdout]).toEqual(["", expect.stringContaining("fault 1 is cleared")]);
  await until("all is measured", async () => {
    const paths = await measured(demo);
    return ["node/icmp", "pod/icmp", "pod/tcp", "pod/udp"].every((path) => paths.includes(path));
  });
  await leavesNothing(demo);
}

insideTest("an ordinary user has the whole lab in a user namespace, its page on the machine's loopback", async () => {
  await showsAWholeLab(ordinaryUser);
});

droppingTest("root without SYS_ADMIN and NET_ADMIN has the same", async () => {
  await showsAWholeLab(WITHOUT_ADMIN);
});

insideTest.each(["SIGINT", "SIGHUP", "SIGKILL"] as const)(
  "a demo in a user namespace leaves nothing behind after %s",
  async (signal) => {
    const demo = await start([], ordinaryUser);
    expect((await traces(demo.id, demos.folder)).length).toBeGreaterThan(2);
    await demos.stop(demo, signal);
    // What was inside ends when it notices.
    await until("nothing is left", async () => (await traces(demo.id, demos.folder)).length === 0);
  },
);

insideTest(
  "where there are no namespaces at all, agents run on loopback, with both reasons and what they cannot show",
  async () => {
    const demo = await start([], WITHOUT_NAMESPACES);
    expect(demo.output()).toMatch(/the machine's own: .*Operation not permitted.*\. \S/);
    expect(demo.output()).toMatch(
      /in a user namespace: .*No space left on device.*sysctl -w user.max_user_namespaces=/,
    );
    expect(demo.output()).toContain("What this cannot show:");
    await until("a pair was measured", async () => (await measured(demo)).includes("pod/tcp"));
    await leavesNothing(demo);
    const refused = demos.run(["demo", "--ipv6"], WITHOUT_NAMESPACES);
    expect([refused.status, refused.stderr]).toEqual([
      1,
      expect.stringContaining("--ipv6, --host-ports and --paths need"),
    ]);
  },
);

insideTest("ICMP that may not be sent is told by the demo, and by every row of the page", async () => {
  const demo = await start([], WITHOUT_NAMESPACES);
  expect(demo.output()).toMatch(/ICMP, which is not measured: .*sysctl -w net.ipv4.ping_group_range/);
  const { rows } = await mesh(demo);
  expect(rows.map(({ health }) => health.unavailable)).toEqual(
    rows.map(() => [
      { network: "pod", protocol: "icmp", reason: expect.stringMatching(/ping_group_range.*CAP_NET_RAW/) },
    ]),
  );
  await leavesNothing(demo);
});

test("a second demo runs beside the first, each on ports of its own, whoever has 8843", async () => {
  const server = createServer().listen(8_843, "127.0.0.1");
  await Promise.race([once(server, "listening"), once(server, "error")]);
  try {
    const [first, second] = [await start(["--loopback"], [], "found"), await start(["--loopback"], [], "found")];
    const ports = [first, second].map(({ page }) => Number(new URL(page).port));
    expect(ports).not.toContain(8_843);
    expect(ports[0]).not.toBe(ports[1]);
    for (const demo of [first, second])
      await until("it measures", async () => (await measured(demo)).includes("pod/tcp"));
    await leavesNothing(first);
    expect(await measured(second)).toContain("pod/tcp");
    await leavesNothing(second);
  } finally {
    server.close();
  }
});
