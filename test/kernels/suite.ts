// What runs in an emulated machine: tests of this repository, on its own Node.js.
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const CONTRACT = "test/integration/contract.test.ts";
const MACHINE_LIMITS = "test/kernels/inside/machine-limits.test.ts";
/** Starts the image's agent, and so needs the image. */
export const IMAGE_FILE = "test/kernels/inside/pod.test.ts";
export const FILES: readonly string[] = [
  CONTRACT,
  "test/integration/outcome-table.test.ts",
  "test/integration/icmp-capture.test.ts",
  "test/integration/udp-capture.test.ts",
  "test/integration/udp-network.test.ts",
  "test/integration/raw-icmp.test.ts",
  "test/integration/userspace.test.ts",
  "test/kernels/inside/capture.test.ts",
  "test/kernels/inside/tunnels.test.ts",
  "test/kernels/inside/netem.test.ts",
  MACHINE_LIMITS,
  IMAGE_FILE,
];

/** Emulation is too slow for them within their rounds of 300 ms. */
const NOT_THESE = "10,000 probes";
/** What shows in two minutes that a kernel's sockets are as the engine believes. */
export const SMOKE = { files: [CONTRACT], tests: "kernel engine" } as const;
/** Emulation takes about this many times as long. */
const SLOWER_BY = 4;

export interface Suite {
  readonly files: readonly string[];
  /** Only tests whose full name matches this. */
  readonly tests?: string | undefined;
  /** Folder of Node.js. */
  readonly node: string;
  /** Folder with the image's files; absent when no file needs it. */
  readonly image: string | undefined;
}

/** For /bin/sh in the machine, as root (see guest.ts). */
export const suiteScript = ({ files, tests = "", node, image }: Suite): string => `
export PATH='${node}':/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
export SKIP_NOTHING=true TESTS_SLOWER_BY=${SLOWER_BY} KERNELS_IMAGE=/run/image
${image === undefined ? "" : `cp -a '${image}' /run/image`}
/run/busybox modprobe tun
ip link set lo up
cd '${ROOT}'
node node_modules/vitest/vitest.mjs run --project integration --project kernels --maxWorkers 1 \\
  --testNamePattern '^(?!.*${NOT_THESE}).*(${tests})' \\
  --reporter '${ROOT}test/kernels/reporter.ts' ${files.join(" ")} 2>&1
`;
