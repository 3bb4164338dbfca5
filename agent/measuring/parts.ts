// The parts of measuring, each in its own lane: what closes one reaches the log once, the metrics every time, and the
// availability of the protocol that cannot do without it.
import type { Logger } from "pino";
import type { Clock } from "../base/clock.ts";
import type { Part } from "../metrics/catalogue.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Network, Protocol } from "../model/peer.ts";
import { Lane } from "../schedule/lane.ts";

export interface PartsOptions {
  readonly clock: Pick<Clock, "monotonicNs">;
  readonly log: Pick<Logger, "info" | "error">;
  readonly metrics: Pick<Metrics, "fault" | "protocolAvailable">;
  /** Where a protocol is probed. */
  readonly networks: (protocol: Protocol) => readonly Network[];
}

export interface PartOptions<P extends Disposable> {
  readonly name: Part;
  open(): P | Promise<P>;
  opened?(part: P): void;
  closing?(part: P): void;
}

/** A part that a protocol cannot do without. */
export interface ProtocolPartOptions<P extends Disposable> extends PartOptions<P> {
  readonly protocol: Protocol;
  /** What it means for the protocol that this part is closed, in front of the reason. */
  readonly meaning?: string;
}

interface ProtocolPart {
  readonly lane: Lane<Disposable & { socketDrops(): number }>;
  readonly meaning: string | undefined;
}

export class Parts implements Disposable {
  readonly #options: PartsOptions;
  readonly #ofProtocol = new Map<Protocol, ProtocolPart[]>();
  /** Of sockets that are closed again. */
  readonly #drops = new Map<Protocol, number>();
  readonly #stack = new DisposableStack();

  constructor(options: PartsOptions) {
    this.#options = options;
  }

  lane<P extends Disposable>(options: PartOptions<P>): Lane<P> {
    return this.#supervised(options, () => {});
  }

  protocolLane<P extends Disposable & { socketDrops(): number }>(options: ProtocolPartOptions<P>): Lane<P> {
    const { protocol, meaning } = options;
    const closing = (part: P) => {
      options.closing?.(part);
      this.#drops.set(protocol, (this.#drops.get(protocol) ?? 0) + part.socketDrops());
    };
    const lane = this.#supervised({ ...options, closing }, () => this.#tellAvailable(protocol));
    const others = this.#ofProtocol.get(protocol) ?? [];
    this.#ofProtocol.set(protocol, [...others, { lane, meaning }]);
    return lane;
  }

  /** Why a protocol is not available, in words; nothing when it is. */
  whyUnavailable(protocol: Protocol): readonly string[] {
    return this.#of(protocol).flatMap(({ lane, meaning }) => {
      if (!lane.failure) return [];
      const { message } = lane.failure.error;
      return [meaning === undefined ? message : `${meaning}: ${message}`];
    });
  }

  /** Packets that the kernel dropped at the sockets of a protocol, those that are closed again included. */
  socketDrops(protocol: Protocol): number {
    const open = this.#of(protocol).map(({ lane }) => lane.run((part) => part.socketDrops()) ?? 0);
    return open.reduce((sum, drops) => sum + drops, this.#drops.get(protocol) ?? 0);
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  #of(protocol: Protocol): readonly ProtocolPart[] {
    return this.#ofProtocol.get(protocol) ?? [];
  }

  #supervised<P extends Disposable>(options: PartOptions<P>, changed: () => void): Lane<P> {
    const { clock, log, metrics } = this.#options;
    const { name } = options;
    metrics.fault(name, 0);
    let isLogged = false;
    return this.#stack.use(
      new Lane<P>({
        ...options,
        clock,
        opened: (part) => {
          options.opened?.(part);
          changed();
          if (isLogged) log.info({ part: name }, `${name} is open again`);
          isLogged = false;
        },
        closed: ({ error, isNew }) => {
          metrics.fault(name, 1);
          changed();
          if (!isNew) return;
          isLogged = true;
          log.error({ err: error, part: name }, `${name} is closed and will be tried again; the rest goes on`);
        },
      }),
    );
  }

  #tellAvailable(protocol: Protocol): void {
    const { metrics, networks } = this.#options;
    const available = this.#of(protocol).every(({ lane }) => lane.part !== undefined);
    for (const network of networks(protocol)) metrics.protocolAvailable({ network, protocol, available });
  }
}
