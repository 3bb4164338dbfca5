// A user namespace in which whoever we are is root over network namespaces of its own, as far as the kernel lets
// ordinary users have that (user_namespaces(7)). Nothing inside reaches the machine's own loopback: a demo that goes in
// takes the ports of its page along, already open.
import { spawn } from "node:child_process";
import { on, once } from "node:events";
import { createServer, type Server } from "node:net";
import { LabError, toolEnvironment } from "./machine.ts";
import { closed, type Ports } from "./ports.ts";

/** `ip netns` writes below /run, which is not ours; and a new network namespace begins with its loopback down. */
const ENTER = 'mount -t tmpfs tmpfs /run; ip link set lo up; exec "$@"';

/** The command inside a user, mount and network namespace of its own. All of it is gone when its last process ends. */
export function inUserNamespace(command: readonly string[]): readonly string[] {
  return ["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-ec", ENTER, "sh", ...command];
}

/** The first port, for the process inside. Taken out of its environment: nothing it starts is meant. */
const VARIABLE = "INTERNODE_LAB_PORTS";
/** Runs the command inside until it ends by itself, or is told to by `signal`; resolves to its exit code. */
export async function runInside(command: readonly string[], ports: Ports, signal: AbortSignal): Promise<number> {
  const [program, ...args] = inUserNamespace(command);
  const child = spawn(program!, args, {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, PATH: toolEnvironment["PATH"], [VARIABLE]: String(ports.first) },
  });
  const exit = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  // It stops when the channel closes: when told to, and when this process is killed.
  const stop = (): void => {
    if (child.connected) child.disconnect();
  };
  signal.addEventListener("abort", stop);
  try {
    const servers = ports.nodes.flatMap(({ page, metrics }) => [page, metrics]);
    // A message a socket: how many there are.
    for (const server of servers) child.send(servers.length, server);
    // It says when it has them all: ours are copies, and would take connections away from it.
    child.once("message", () => void ports[Symbol.asyncDispose]());
    const [code, killedBy] = await exit;
    if (code === null) throw new LabError(`the demo inside the user namespace was ended by ${killedBy}`);
    return code;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** What a process that was started by runInside was given. */
export interface Outside extends Disposable {
  /** Fires when the process outside wants this one to end, or has itself ended. */
  readonly stop: AbortSignal;
  readonly ports: Ports;
}

/** Undefined in a process that nobody started with runInside. */
export async function fromOutside(): Promise<Outside | undefined> {
  const first = process.env[VARIABLE];
  if (first === undefined) return undefined;
  delete process.env[VARIABLE];
  const stop = new AbortController();
  process.once("disconnect", () => stop.abort());
  const servers: Server[] = [];
  for await (const [count, socket] of on(process, "message", { signal: stop.signal }) as AsyncIterable<
    [number, Server]
  >) {
    // As it arrives it allows no half-open connections.
    servers.push(createServer({ allowHalfOpen: true }, (early) => early.destroy()).listen(socket));
    if (servers.length === count) break;
  }
  process.send!("taken");
  return {
    stop: stop.signal,
    ports: {
      first: Number(first),
      nodes: Array.from({ length: servers.length / 2 }, (_, i) => ({
        page: servers[2 * i]!,
        metrics: servers[2 * i + 1]!,
      })),
      async [Symbol.asyncDispose]() {
        await Promise.all(servers.map(closed));
      },
    },
    // An open channel keeps a process alive.
    [Symbol.dispose]() {
      if (process.connected) process.disconnect();
    },
  };
}
