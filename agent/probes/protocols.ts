// What derives from the table of protocols: their names, and how a prober of one is opened.
import type { Config } from "../config/schema.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Network } from "../model/peer.ts";
import type { OwnCounter, PairProtocol, ProberOptions } from "./descriptor.ts";
import * as table from "./table.ts";

type Table = typeof table;
export type Protocol = keyof Table;

/** In the order of their names, as a module's exports are. */
export const PROTOCOLS = Object.keys(table) as readonly Protocol[] as readonly [Protocol, ...Protocol[]];
export const PROTOCOL_TABLE: Table = table;

/** For what treats all alike. */
export const descriptorOf = (protocol: Protocol): PairProtocol => PROTOCOL_TABLE[protocol] as unknown as PairProtocol;

/** A value for each protocol. */
export function byProtocol<T>(value: (protocol: Protocol) => T): Record<Protocol, T> {
  return Object.fromEntries(PROTOCOLS.map((protocol) => [protocol, value(protocol)])) as Record<Protocol, T>;
}

type Own = { readonly [P in Protocol]: Table[P]["counters"] };
export type OwnCounterKey = { readonly [P in Protocol]: keyof Own[P] }[Protocol];
type CountsOf<C> = C extends { readonly counts: readonly (infer Count extends string)[] } ? Count : never;
export type OwnCount = { readonly [P in Protocol]: CountsOf<Own[P][keyof Own[P]]> }[Protocol];

/** What only one protocol counts, by the name of the metric in the catalogue. */
export const OWN_COUNTERS = Object.fromEntries(
  PROTOCOLS.flatMap((protocol) =>
    Object.entries(descriptorOf(protocol).counters).map(([key, own]) => [key, { ...own, protocol }] as const),
  ),
) as Readonly<Record<OwnCounterKey, OwnCounter & { readonly protocol: Protocol }>>;

export interface ProbersOptions extends Omit<ProberOptions<never>, "settings" | "probePort"> {
  readonly config: Pick<Config, Protocol | "ports">;
}

/** What makes the probers: the kernel engine has a kernel, the userspace engine none. */
export type Engine = { readonly kind: "kernel"; readonly kernel: Kernel } | { readonly kind: "userspace" };

/** A protocol that this machine does not let us measure; the others go on. */
export interface Unavailable {
  readonly protocol: Protocol;
  /** What was tried and what happened. */
  readonly reason: string;
  readonly cure: string;
}

type ProberOf<P extends Protocol> = Awaited<ReturnType<Table[P]["kernel"]>>;
export type OpenedProber<P extends Protocol> = { readonly prober: ProberOf<P> } | { readonly unavailable: Unavailable };

/** Never rejects for what the machine refuses. */
export async function openProber<P extends Protocol>(
  protocol: P,
  engine: Engine,
  { config, ...common }: ProbersOptions,
): Promise<OpenedProber<P>> {
  const descriptor = descriptorOf(protocol);
  // Its own settings: the schema is made of its own options.
  const settings = config[protocol] as never;
  const options = { ...common, settings, probePort: config.ports.probe };
  try {
    const prober =
      engine.kind === "kernel"
        ? await descriptor.kernel({ ...options, kernel: engine.kernel })
        : await descriptor.userspace(options);
    return { prober: prober as ProberOf<P> };
  } catch (err) {
    const reason = err instanceof Error ? err.message : String(err);
    const code = (err as NodeJS.ErrnoException | undefined)?.code;
    return {
      unavailable: {
        protocol,
        reason: `${protocol} by the ${engine.kind} engine: ${reason}`,
        cure: descriptor.cure({ engine: engine.kind, code }),
      },
    };
  }
}

/** Where each protocol is probed. */
export type ProbedNetworks = { readonly [P in Protocol]: { readonly networks: readonly Network[] } };
