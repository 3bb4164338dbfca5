// What answers the probes of other agents, for as long as this one lives, and what came there.
import type { Logger } from "pino";
import { familyOf } from "../base/ip.ts";
import { LIMITS } from "../config/limits.ts";
import type { Config } from "../config/schema.ts";
import type { IpFamily, Protocol } from "../model/peer.ts";
import { REFLECTOR_RESULTS, type ReflectorResult, type UdpReceived } from "../model/snapshot.ts";
import type { SenderDirectory } from "../reflector/sender-directory.ts";
import { descriptorOf, PROTOCOLS } from "../probes/protocols.ts";
import type { TcpResponderOptions } from "../reflector/tcp-responder.ts";
import { packetsByResult, type UdpReflector, type UdpReflectorOptions } from "../reflector/udp-reflector.ts";
import type { Lane } from "../schedule/lane.ts";
import type { OpenedEngine } from "./engine.ts";
import type { Parts } from "./parts.ts";
import { UnansweredLog } from "./unanswered.ts";

export interface AnsweringOptions {
  readonly config: Pick<Config, "ports" | "listen">;
  readonly families: readonly IpFamily[];
  readonly log: Pick<Logger, "warn">;
  readonly engine: Pick<OpenedEngine, "kernel" | "clock" | "deferAccept" | "guests">;
  /** This agent's, 16 hex digits. */
  readonly incarnation: string;
  readonly key?: Uint8Array | undefined;
  /** Whose packets may be counted. */
  readonly senders: SenderDirectory;
  readonly parts: Parts;
}

type Counts = Readonly<Record<ReflectorResult, number>>;

export class Answering implements AsyncDisposable {
  readonly #options: AnsweringOptions;
  readonly #unanswered: UnansweredLog;
  readonly #stack = new AsyncDisposableStack();
  /** By reflectors that are closed again. */
  #before: Counts = byResult(() => 0);
  /** Act on the tick. */
  readonly reflectors: readonly Lane<UdpReflector>[];

  constructor(options: AnsweringOptions) {
    this.#options = options;
    this.#unanswered = new UnansweredLog(options.log);
    this.reflectors = PROTOCOLS.flatMap((protocol) => {
      const { answering } = descriptorOf(protocol);
      if (answering.kind !== "reflector") return [];
      return options.parts.protocolLane<UdpReflector>({
        name: "reflector",
        protocol,
        meaning: "other agents' probes are not answered",
        open: () => answering.open(this.#reflectorOptions()),
        closing: ({ counts }) => (this.#before = sumOf(this.#before, packetsByResult(counts))),
      });
    });
  }

  /** Rejects when a port cannot be opened: an agent that nobody can probe has no reason to start. */
  async open(): Promise<void> {
    for (const lane of this.reflectors) {
      await lane.open();
      if (lane.failure) throw lane.failure.error;
    }
    for (const protocol of PROTOCOLS) {
      const { answering } = descriptorOf(protocol);
      if (answering.kind === "responder") this.#stack.use(await answering.open(this.#responderOptions(protocol)));
    }
  }

  /** What arrived from other agents' UDP probers. */
  received(): readonly UdpReceived[] {
    return this.reflectors.flatMap((lane) => lane.run((reflector) => reflector.received()) ?? []);
  }

  /** What became of all packets that came to the reflector. */
  counts(): Counts {
    const open = this.reflectors.flatMap(({ part }) => (part ? [packetsByResult(part.counts)] : []));
    return open.reduce<Counts>(sumOf, this.#before);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }

  #responderOptions(protocol: Protocol): TcpResponderOptions {
    const { config, log, engine } = this.#options;
    const logged = new Set<string | undefined>();
    const failed = (err: NodeJS.ErrnoException): void => {
      const what = `a ${protocol.toUpperCase()} probe could not be accepted; its kernel has answered it`;
      if (!logged.has(err.code)) log.warn({ err }, what);
      logged.add(err.code);
    };
    return {
      port: config.ports.probe,
      addresses: config.listen,
      failed,
      deferAccept: engine.deferAccept,
      guests: engine.guests,
    };
  }

  #reflectorOptions(): UdpReflectorOptions {
    const { config, families, engine, incarnation, key, senders } = this.#options;
    const listen = config.listen
      .map((address) => ({ family: familyOf(address), address }))
      .filter(({ family }) => families.includes(family));
    return {
      kernel: engine.kernel,
      clock: engine.clock,
      incarnation,
      key,
      port: config.ports.probe,
      maxPacketBytes: LIMITS.maxPacketBytes,
      listen: config.listen.length > 0 ? listen : families.map((family) => ({ family })),
      isFrom: (hash, ip) => senders.isFrom(hash, ip),
      nodeOf: (hash) => senders.nodeOf(hash),
      unanswered: this.#unanswered.tell,
    };
  }
}

function byResult(count: (result: ReflectorResult) => number): Counts {
  const entries = REFLECTOR_RESULTS.map((result) => [result, count(result)] as const);
  return Object.fromEntries(entries) as Record<ReflectorResult, number>;
}

const sumOf = (a: Counts, b: Counts): Counts => byResult((result) => a[result] + b[result]);
