// Two network namespaces with a cable between them: the smallest network on which a kernel does everything for
// real. Disposing removes both.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { runToEnd } from "./run-to-end.ts";

export interface VethPair extends Disposable {
  /** Names of the two namespaces. */
  readonly near: string;
  readonly far: string;
  readonly nearIp: string;
  readonly farIp: string;
  readonly nearIp6: string;
  readonly farIp6: string;
  /** Run a command in a namespace to its end; throws with its output when it fails. */
  run(namespace: string, ...command: readonly string[]): string;
  /** Apply an nftables script in a namespace. */
  nft(namespace: string, script: string): void;
  /** Start a command in a namespace; it dies when the pair is disposed, and with this process. */
  start(namespace: string, ...command: readonly string[]): ChildProcess;
}

export interface VethOptions {
  /** So many further addresses (10.99.1.1 upwards, 250 a third byte) on the far side. */
  readonly addresses?: number;
  /** Whether our group may open datagram ICMP sockets in them; a new namespace lets nobody. */
  readonly datagramIcmp?: boolean;
}

/** Needs the right to make network namespaces. */
export function vethPair({ addresses = 0, datagramIcmp = true }: VethOptions = {}): VethPair {
  const id = randomBytes(3).toString("hex");
  const near = `inveth-${id}-a`;
  const far = `inveth-${id}-b`;
  const children: ChildProcess[] = [];
  const sh = (...command: readonly string[]) => runToEnd(command);
  const inside = (namespace: string, ...command: readonly string[]) => sh("ip", "netns", "exec", namespace, ...command);
  const dispose = () => {
    process.off("exit", dispose);
    for (const child of children) child.kill("SIGKILL");
    for (const namespace of [near, far]) spawnSync("ip", ["netns", "del", namespace], { stdio: "ignore" });
  };
  // A process that is told to end in the middle of it leaves nothing behind either.
  process.on("exit", dispose);
  try {
    for (const namespace of [near, far]) sh("ip", "netns", "add", namespace);
    sh("ip", "link", "add", "veth0", "netns", near, "type", "veth", "peer", "name", "veth0", "netns", far);
    for (const [namespace, n] of [
      [near, 1],
      [far, 2],
    ] as const) {
      inside(
        namespace,
        "sysctl",
        "-qw",
        // In a user namespace no other group may be named.
        ...(datagramIcmp ? [`net.ipv4.ping_group_range=${process.getegid!()} ${process.getegid!()}`] : []),
        "net.ipv6.conf.all.accept_dad=0",
        "net.ipv6.conf.veth0.accept_dad=0",
      );
      inside(namespace, "ip", "addr", "add", `10.99.0.${n}/16`, "dev", "veth0");
      inside(namespace, "ip", "addr", "add", `fd99::${n}/64`, "dev", "veth0", "nodad");
      inside(namespace, "ip", "link", "set", "veth0", "up");
      inside(namespace, "ip", "link", "set", "lo", "up");
    }
    const extra = farAddresses(addresses).map((ip) => `addr add ${ip}/16 dev veth0`);
    if (extra.length > 0) runToEnd(["ip", "netns", "exec", far, "ip", "-batch", "-"], extra.join("\n"));
  } catch (err) {
    dispose();
    throw err;
  }
  return {
    near,
    far,
    nearIp: "10.99.0.1",
    farIp: "10.99.0.2",
    nearIp6: "fd99::1",
    farIp6: "fd99::2",
    run: inside,
    nft: (namespace, script) => void runToEnd(["ip", "netns", "exec", namespace, "nft", "-f", "-"], script),
    start(namespace, ...command) {
      const child = spawn("setpriv", ["--pdeathsig", "KILL", "ip", "netns", "exec", namespace, ...command], {
        stdio: ["pipe", "pipe", "pipe"],
      });
      children.push(child);
      return child;
    },
    [Symbol.dispose]: dispose,
  };
}

/** The further addresses of the far side. */
export const farAddresses = (n: number): string[] =>
  Array.from({ length: n }, (_, i) => `10.99.${1 + Math.floor(i / 250)}.${1 + (i % 250)}`);
