// The view of this process's own network namespace, read in slices and kept for a second.
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { inSlices, SLICE_MS, type Steps } from "../base/slices.ts";
import { VIEW_LIMITS, type Namespace, type NodeView, type NotVisible, type Socket } from "../model/node-view.ts";
import type { Node } from "../model/peer.ts";
import { VERSION } from "../model/version.ts";
import { parseNamesAndNumbers, parsePairsOfLines, parseResolver, parseSoftnet, SYSCTLS } from "./proc.ts";
import { isOpen, parseSocket, SOCKET_FILES, type SocketFile } from "./sockets.ts";
import { readTables, type Tables, type TablesView } from "./tables.ts";

export interface ViewerOptions {
  readonly node: () => Node;
  readonly namespace: Namespace;
  /** Absent where the engine has no calls into the C library. */
  readonly openTables?: (() => Tables & Disposable) | undefined;
  /** For tests: where resolv.conf is. */
  readonly resolverFile?: string;
}

const KEPT_MS = 1_000;
/** Of each of the four files; a socket takes 150 bytes. */
const MAX_SOCKET_BYTES = 4 * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
const MAX_FILE_BYTES = 256 * 1024;

export class Viewer {
  readonly #options: ViewerOptions;
  #kept: { readonly view: Promise<NodeView>; readonly untilMs: number } | undefined;

  constructor(options: ViewerOptions) {
    this.#options = options;
  }

  /** However many ask, the kernel is read once a second. */
  view(): Promise<NodeView> {
    const nowMs = performance.now();
    if (this.#kept && nowMs < this.#kept.untilMs) return this.#kept.view;
    const view = inSlices(this.steps(), SLICE_MS);
    // One that takes longer than it is kept is still the only one under way.
    this.#kept = { view, untilMs: Number.POSITIVE_INFINITY };
    view.then(
      () => (this.#kept = { view, untilMs: Math.max(nowMs + KEPT_MS, performance.now() + KEPT_MS / 2) }),
      () => (this.#kept = undefined),
    );
    return view;
  }

  *steps(): Steps<NodeView> {
    const { node, namespace, resolverFile = "/etc/resolv.conf" } = this.#options;
    const tables = yield* this.#tables();
    yield;
    const sockets = yield* readSockets();
    yield;
    const { name, zone } = node();
    return {
      schemaVersion: 1,
      at: new Date().toISOString(),
      node: { name, zone },
      version: VERSION,
      namespace,
      ...tables,
      ...sockets,
      protocols: seen(["/proc/net/snmp", "/proc/net/netstat"], (snmp, netstat) => ({
        counters: bounded({
          ...parsePairsOfLines(snmp),
          ...parsePairsOfLines(netstat),
          ...parseNamesAndNumbers(textOf("/proc/net/snmp6") ?? ""),
        }),
      })),
      softnet: seen(["/proc/net/softnet_stat"], parseSoftnet),
      conntrack: seen(
        ["/proc/sys/net/netfilter/nf_conntrack_count", "/proc/sys/net/netfilter/nf_conntrack_max"],
        (entries, limit) => ({ entries: Number(entries), limit: Number(limit) }),
      ),
      resolver: seen([resolverFile], parseResolver),
      sysctls: readSysctls(),
    };
  }

  *#tables(): Steps<TablesView> {
    const { openTables } = this.#options;
    const unseen = (reason: string): TablesView => {
      const list: NotVisible = { visible: false, reason };
      return {
        interfaces: list,
        routes: list,
        rules: list,
        neighbours: list,
        forwarding: list,
        neighbourTables: list,
      };
    };
    if (!openTables) return unseen("the engine 'userspace' has no way to ask the kernel by netlink");
    try {
      using tables = openTables();
      return yield* readTables(tables);
    } catch (err) {
      return unseen(`no netlink socket: ${(err as Error).message}`.slice(0, 300));
    }
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "this network namespace, or this kernel, has no such file",
  EACCES: "a process without rights may not read it",
  EPERM: "a process without rights may not read it",
};

/** The files together, or why one of them cannot be read. */
function seen<T extends object>(
  paths: readonly string[],
  parse: (...texts: string[]) => T,
): ({ visible: true } & T) | NotVisible {
  const texts: string[] = [];
  for (const path of paths) {
    try {
      texts.push(readFileSync(path, "latin1").slice(0, MAX_FILE_BYTES));
    } catch (err) {
      const { code = "", message } = err as NodeJS.ErrnoException;
      return { visible: false, reason: `${path}: ${REASONS[code] ?? message}`.slice(0, 300) };
    }
  }
  return { visible: true, ...parse(...texts) };
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}

const bounded = (counters: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(counters).slice(0, VIEW_LIMITS.counters));

function readSysctls(): Record<string, string> {
  return Object.fromEntries(
    SYSCTLS.flatMap((name) => {
      const text = textOf(`/proc/sys/${name.replaceAll(".", "/")}`);
      return text === undefined ? [] : [[name, text.trim().replaceAll(/\s+/g, " ").slice(0, 64)]];
    }),
  );
}

/** Those that wait for anybody first; of the rest as many as there is room for. */
function* readSockets(): Steps<Pick<NodeView, "sockets" | "socketCounts">> {
  const [open, others]: [Socket[], Socket[]] = [[], []];
  const counts: Record<string, number> = {};
  let [leftOut, unseen] = [0, ""];
  let files = 0;
  for (const file of SOCKET_FILES) {
    try {
      for (const line of yield* linesOf(file)) {
        const socket = parseSocket(line, file);
        if (!socket) continue;
        const named = `${socket.protocol} ${socket.state}`;
        counts[named] = (counts[named] ?? 0) + 1;
        const list = isOpen(socket) ? open : others;
        if (list.length < VIEW_LIMITS.sockets) list.push(socket);
        else leftOut++;
      }
      files++;
    } catch (err) {
      const { code = "", message } = err as NodeJS.ErrnoException;
      unseen = `${file.path}: ${REASONS[code] ?? message}`.slice(0, 300);
    }
    yield;
  }
  // Without IPv6 its two files are not there.
  if (files === 0) return { sockets: { visible: false, reason: unseen }, socketCounts: {} };
  const items = [...open, ...others];
  leftOut += Math.max(0, items.length - VIEW_LIMITS.sockets);
  return {
    sockets: { visible: true, items: items.slice(0, VIEW_LIMITS.sockets), leftOut },
    socketCounts: counts,
  };
}

/** In pieces: the kernel walks its table for each. */
function* linesOf({ path }: SocketFile): Steps<string[]> {
  const fd = openSync(path, "r");
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let text = "";
    while (text.length < MAX_SOCKET_BYTES) {
      const bytes = readSync(fd, chunk);
      if (bytes === 0) break;
      text += chunk.toString("latin1", 0, bytes);
      yield;
    }
    return text.split("\n");
  } finally {
    closeSync(fd);
  }
}
