// Debian packages the cluster and the image need. Installed, and printed, when root on Debian; named otherwise.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";

/** Package → a file of it that must exist. */
export const CLUSTER_PACKAGES = {
  runc: "/usr/sbin/runc",
  "containernetworking-plugins": "/usr/lib/cni/bridge",
  nftables: "/usr/sbin/nft",
  iptables: "/usr/sbin/iptables",
  conntrack: "/usr/sbin/conntrack",
  iproute2: "/usr/sbin/ip",
  "util-linux": "/usr/bin/nsenter",
  openssl: "/usr/bin/openssl",
  gcc: "/usr/bin/gcc",
  "libc6-dev": "/usr/include/stdio.h",
} as const;

export const IMAGE_PACKAGES = {
  buildah: "/usr/bin/buildah",
  mmdebstrap: "/usr/bin/mmdebstrap",
} as const;

export async function ensurePackages(
  packages: Readonly<Record<string, string>>,
  log: (line: string) => void,
): Promise<void> {
  const missing = Object.entries(packages).filter(([, file]) => !existsSync(file));
  if (missing.length === 0) return;
  const names = missing.map(([name]) => name);
  const command = `apt-get install --no-install-recommends ${names.join(" ")}`;
  if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) {
    throw new Error(`programs are missing: install them (on Debian, as root: ${command})`);
  }
  log(`packages: ${command}`);
  await install(names);
  const absent = missing.filter(([, file]) => !existsSync(file));
  if (absent.length > 0) {
    throw new Error(`${command} succeeded, but ${absent.map(([, file]) => file).join(", ")} did not appear`);
  }
}

async function install(names: readonly string[]): Promise<void> {
  const args = ["install", "-y", "-qq", "--no-install-recommends", ...names];
  try {
    await apt(args);
  } catch {
    // Most often lists that are absent or older than the mirror.
    await apt(["update", "-qq"]);
    await apt(args);
  }
}

async function apt(args: readonly string[]): Promise<void> {
  // Another installation may hold the lock: wait for it, instead of failing.
  await promisify(execFile)("apt-get", ["-o", "DPkg::Lock::Timeout=300", ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    maxBuffer: 16 << 20,
  });
}
