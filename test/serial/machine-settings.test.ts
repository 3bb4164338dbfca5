// Settings of the whole machine, which a fault of the lab changes: put back when it ends, and when its process is killed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { MachineSettings } from "../../lab/faults/machine-wide.ts";
import { needs } from "../support/needs.ts";

const { test } = await needs("namespaces", "connection tracking limit");

const NAME = "netdev_budget";
const now = (): number => Number(readFileSync(`/proc/sys/net/core/${NAME}`, "utf8"));
const MODULE = new URL("../../lab/faults/machine-wide.ts", import.meta.url).href;

test("are back when the fault is over", async () => {
  const before = now();
  const settings = new MachineSettings("net/core", { [NAME]: before + 1 });
  settings.lay();
  expect(now()).toBe(before + 1);
  await settings.restore();
  expect(now()).toBe(before);
  await settings.restore();
});

test("are back when the process that changed them is killed", async () => {
  const before = now();
  const program = `const { MachineSettings } = await import(${JSON.stringify(MODULE)});
    new MachineSettings("net/core", { ${NAME}: ${before + 1} }).lay();
    console.log("laid");
    setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  expect(now()).toBe(before + 1);
  child.kill("SIGKILL");
  for (let tries = 0; now() !== before && tries < 200; tries++) await sleep(50);
  expect(now()).toBe(before);
});
