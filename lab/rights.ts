// What this machine lets us do. Found out by trying it, never by the user's id: root in a container may lack what an
// ordinary user of a workstation has. Tried once a process; demo, tests and CI all ask here.
import { constants, readFileSync } from "node:fs";
import { access, open, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { tryCpuQuota } from "./cpu-quota.ts";
import { missingTools, missingToolsMessage, run, ToolError } from "./machine.ts";
import { inUserNamespace } from "./user-namespace.ts";

/** Why it cannot be had here, and what would allow it: a command, where one is enough. */
export interface Refusal {
  readonly reason: string;
  readonly cure: string;
}

/** What is tried leaves nothing behind. */
const RIGHTS = {
  /** A whole lab: named network namespaces with links, rules and sysctls of their own. */
  namespaces: () => layNamespace((command) => command, asRoot),
  /** The same lab inside a user namespace, as whoever we are. */
  "user namespaces": () => layNamespace(inUserNamespace, userNamespaceCure),
  /** ICMP from here, by a datagram socket (ping_group_range) or a raw one. */
  icmp: () => attempt(openIcmp, () => 'sudo sysctl -w net.ipv4.ping_group_range="0 2147483647"'),
  /** Choosing who may open datagram ICMP sockets: a user namespace can name its own groups only. */
  "any ping group": () => attempt(forbidPings, asRoot),
  /** CPU quotas, by control group. */
  "cpu quotas": () => attempt(tryCpuQuota, () => `${asRoot()}. It writes to /sys/fs/cgroup`),
  /** TAP devices: the faults that hold packets lead them through one. */
  "tap devices": () =>
    attempt(
      () => access("/dev/net/tun", constants.R_OK | constants.W_OK),
      () => "sudo chmod 0666 /dev/net/tun; in a container: docker run --device /dev/net/tun",
    ),
  /** Moving the machine's clock. */
  "clock steps": () => attempt(stepClockByNothing, asRoot),
  /** Setting the size of the connection tracking table, which only the machine's own namespace may. */
  "connection tracking limit": () => attempt(openConnectionLimit, asRoot),
  /** Running something as another user. */
  "other users": () => attempt(setpriv("--reuid=65534", "--regid=65534", "--clear-groups"), asRoot),
  /** Running something without a capability that we have. */
  "fewer capabilities": () => attempt(setpriv("--bounding-set=-net_raw", "--inh-caps=-net_raw"), asRoot),
} as const satisfies Readonly<Record<string, () => Promise<Refusal | undefined>>>;

export type Right = keyof typeof RIGHTS;
export const isRight = (name: string): name is Right => Object.hasOwn(RIGHTS, name);

const tried = new Map<Right, Promise<Refusal | undefined>>();

/** Undefined where the machine allows it. */
export function refusalOf(right: Right): Promise<Refusal | undefined> {
  const answer = tried.get(right) ?? RIGHTS[right]();
  tried.set(right, answer);
  return answer;
}

export const inWords = ({ reason, cure }: Refusal): string => `${reason}. ${cure}`;

async function attempt(
  action: () => Promise<unknown>,
  cure: () => string | Promise<string>,
): Promise<Refusal | undefined> {
  try {
    await action();
    return undefined;
  } catch (err) {
    return { reason: err instanceof ToolError ? err.words : (err as Error).message, cure: await cure() };
  }
}

const THIS_FILE = fileURLToPath(import.meta.url);

/** The kinds of links, rules and sysctls that network.ts lays, one of each. */
const LAY = `
test -r "$2" || { echo "$2 is another user's, and closed to it" >&2; exit 1; }
ip netns add "$1"
trap 'ip netns delete "$1"' EXIT
ip -n "$1" link add cable type veth peer name end
ip -n "$1" link add switch type bridge
ip -n "$1" link add tunnel type vxlan id 1 dstport 8472
ip netns exec "$1" sh -ec 'echo "$(id -g) $(id -g)" > /proc/sys/net/ipv4/ping_group_range; nft add table inet lab'
`;

async function layNamespace(
  enter: (command: readonly string[]) => readonly string[],
  cure: () => string | Promise<string>,
): Promise<Refusal | undefined> {
  if (process.platform !== "linux")
    return {
      reason: `network namespaces are Linux's own, and this is ${process.platform}`,
      cure: "Run it in a Linux virtual machine, or: docker run --privileged",
    };
  const missing = missingTools();
  if (missing.length > 0) return missingToolsMessage(missing);
  const [program, ...args] = enter(["sh", "-ec", LAY, "sh", `inode-try-${process.pid}`, THIS_FILE]);
  return attempt(() => run(program!, args), cure);
}

async function openIcmp(): Promise<void> {
  const [{ systemClock }, { openLinuxKernel }] = await Promise.all([
    import("../agent/kernel/clock.ts"),
    import("../agent/kernel/linux.ts"),
  ]);
  openLinuxKernel(systemClock()).openIcmp({ family: "ipv4" })[Symbol.dispose]();
}

/** ADJ_SETOFFSET of 0 s (clock_adjtime(2)): refused like any other, and nothing moves. */
async function stepClockByNothing(): Promise<void> {
  const { default: koffi } = await import("koffi");
  const adjtimex = koffi.load("libc.so.6").func("int adjtimex(void *)") as (timex: Uint8Array) => number;
  const timex = Buffer.alloc(208);
  timex.writeUInt32LE(0x0100, 0);
  if (adjtimex(timex) < 0) throw new Error("adjtimex: Operation not permitted");
}

async function openConnectionLimit(): Promise<void> {
  try {
    await (await open("/proc/sys/net/netfilter/nf_conntrack_max", "r+")).close();
  } catch (err) {
    // Not there until something tracks connections.
    if ((err as NodeJS.ErrnoException).code !== "ENOENT") throw err;
  }
}

const forbidPings = (): Promise<string> =>
  run("unshare", ["--net", "sh", "-c", 'echo "1 0" > /proc/sys/net/ipv4/ping_group_range']);

const setpriv =
  (...flags: readonly string[]) =>
  (): Promise<string> =>
    run("setpriv", [...flags, "true"]);

/** Root that may not is in a container, or in a user namespace of somebody who is not. */
function asRoot(): string {
  if (process.geteuid?.() !== 0) return "Run it with sudo";
  return isInUserNamespace()
    ? "Run it with sudo, outside of a user namespace"
    : "In a container: docker run --privileged";
}

/** The machine's own maps every id onto itself (user_namespaces(7)). */
function isInUserNamespace(): boolean {
  try {
    return readFileSync("/proc/self/uid_map", "utf8").trim().split(/\s+/).join(" ") !== "0 0 4294967295";
  } catch {
    return false;
  }
}

/** The switches by which distributions forbid user namespaces, and the value that does. */
const SWITCHES = [
  { name: "user.max_user_namespaces", forbids: "0", allow: "15000" },
  { name: "kernel.unprivileged_userns_clone", forbids: "0", allow: "1" },
  { name: "kernel.apparmor_restrict_unprivileged_userns", forbids: "1", allow: "0" },
] as const;

async function userNamespaceCure(): Promise<string> {
  for (const { name, forbids, allow } of SWITCHES) {
    const value = await readFile(`/proc/sys/${name.replaceAll(".", "/")}`, "utf8").catch(() => "");
    if (value.trim() === forbids) return `sudo sysctl -w ${name}=${allow}`;
  }
  return asRoot();
}
