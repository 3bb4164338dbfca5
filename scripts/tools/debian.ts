// Debian packages the cluster and the image need. Installed where apt-get may, named where not.
import { existsSync } from "node:fs";
import { installLine, installPackages } from "../programs.mjs";

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
  log(`packages: apt-get install ${names.join(" ")}`);
  const refusal = await installPackages(names);
  const absent = missing.map(([, file]) => file).filter((file) => !existsSync(file));
  if (absent.length === 0) return;
  throw new Error(
    `missing here: ${absent.join(", ")} (${refusal ?? "apt-get installed the packages without them"}). On Debian: ${installLine(names)}`,
  );
}
