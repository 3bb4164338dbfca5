// The programs that a fresh clone may lack: what needs them, which Debian package has them, and how they get here. Plain
// JavaScript without a dependency: setup.mjs runs on whatever Node.js there is, before anything is installed.
import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

/** Purpose → program → Debian package. `start` is what a lab of network namespaces runs. */
export const PROGRAMS = {
  start: { ip: "iproute2", bridge: "iproute2", nft: "nftables", setpriv: "util-linux", unshare: "util-linux" },
  test: {
    tcpdump: "tcpdump",
    ping: "iputils-ping",
    fping: "fping",
    traceroute: "traceroute",
    iperf3: "iperf3",
    conntrack: "conntrack",
    openssl: "openssl",
    dnsmasq: "dnsmasq-base",
    prometheus: "prometheus",
    promtool: "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    amtool: "prometheus-alertmanager",
    chromium: "chromium",
  },
  bench: { "prometheus-smokeping-prober": "prometheus-smokeping-prober", strace: "strace" },
};

/** sbin is not on everybody's PATH, and that is where some of these live. */
export const SEARCHED = [
  ...new Set([...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin", "/usr/bin", "/bin"]),
].filter(Boolean);

/** Those that are in none of these folders. */
export function missingPrograms(programs, folders = SEARCHED) {
  return programs.filter((program) => !folders.some((folder) => isExecutable(join(folder, program))));
}

/** What a person types to install packages. */
export const installLine = (packages) =>
  `sudo apt-get install -y --no-install-recommends ${[...new Set(packages)].join(" ")}`;

/** Whether it is worth trying. */
export const canInstall = () => missingPrograms(["apt-get"]).length === 0;

/** Tries it. Undefined when they are installed, else why not, in the words of apt-get. */
export async function installPackages(packages) {
  if (!canInstall()) return "there is no apt-get here";
  const startServicesAgain = keepServicesFromStarting();
  const install = ["install", "-y", "-qq", "--no-install-recommends", ...new Set(packages)];
  try {
    try {
      await aptGet(install);
    } catch (error) {
      if (isForbidden(error)) throw error;
      // Most often lists that are absent or older than the mirror.
      await aptGet(["update", "-qq"]);
      await aptGet(install);
    }
    return undefined;
  } catch (error) {
    return error.stderr?.trim().split("\n").at(-1) || error.message;
  } finally {
    startServicesAgain();
  }
}

const isForbidden = (error) => /Permission denied|are you root/.test(error.stderr ?? "");

async function aptGet(args) {
  // Another installation may hold the lock: wait for it, instead of failing.
  await promisify(execFile)("apt-get", ["-o", "DPkg::Lock::Timeout=300", ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
    maxBuffer: 16 << 20,
  });
}

/** We want the programs, not their services running (invoke-rc.d asks this file, policy-rc.d(8)). */
function keepServicesFromStarting() {
  const policy = "/usr/sbin/policy-rc.d";
  if (existsSync(policy)) return () => {};
  try {
    writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  } catch {
    // Who may not write it may install nothing either.
    return () => {};
  }
  return () => rmSync(policy, { force: true });
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
