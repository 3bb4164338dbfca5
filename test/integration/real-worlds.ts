// Two namespaces on a cable, the prober in one, peers in the other, and faults made with nftables, routes and a
// contrary answering end. For suites that must see what a real kernel does.
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../agent/kernel/clock.ts";
import { deferAccept } from "../../agent/kernel/listening-socket.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";
import type { Clock } from "../../agent/base/clock.ts";
import type { Slot } from "../../agent/model/slot.ts";
import type { Kernel } from "../../agent/kernel/kernel.ts";
import type { OutcomeSink, Prober } from "../../agent/probes/prober.ts";
import { tcpResponder } from "../../agent/reflector/tcp-responder.ts";
import { udpReflector } from "../../agent/reflector/udp-reflector.ts";
import { enterNamespace } from "../support/enter-namespace.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { testSlot } from "../support/test-slot.ts";
import { farAddresses, vethPair, type VethPair } from "../support/veth.ts";
import type { World } from "../probes/contract.ts";

export const PROBE_PORT = 7_843;
export const FAR_ADDRESSES = 500;

export interface RealNetwork extends AsyncDisposable {
  readonly pair: VethPair;
  readonly clock: Clock;
  readonly kernel: Kernel;
  /** Let the far side's UDP reflector answer what has come. */
  reflect(): void;
  /** Open sockets in the far namespace: what `open` does before its first await happens there. */
  far<T>(open: () => T): T;
  /** Replaces the rules of the far side's input hook; counters come with them, from 0. */
  farInput(...rules: readonly string[]): void;
  /** The same for what leaves the near side. */
  nearOutput(...rules: readonly string[]): void;
  /** Packets that a named counter has seen. */
  counted(side: "near" | "far", counter: string): number;
  /** Back to a network without faults. */
  mend(): void;
}

export interface RealWorldOptions {
  readonly protocol: Slot["protocol"];
  readonly timeoutMs: number;
  prober(parts: {
    readonly sink: OutcomeSink;
    readonly timeoutMs: number;
    readonly network: RealNetwork;
  }): Prober | Promise<Prober>;
}

/** Enters the near namespace until disposed. */
export async function realNetwork(): Promise<RealNetwork> {
  const pair = vethPair({ addresses: FAR_ADDRESSES });
  // Errors are rate-limited (icmp_ratelimit); the suite makes more of them than a network should.
  pair.run(pair.far, "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0");
  const inside = enterNamespace(pair.near);
  const clock = systemClock();
  const far = <T>(open: () => T): T => {
    using there = enterNamespace(pair.far);
    void there;
    return open();
  };
  const responder = await far(() => tcpResponder({ port: PROBE_PORT, addresses: [], deferAccept }));
  const kernel = openLinuxKernel(clock);
  // A socket for each address: one for all would answer from the first.
  const listen = [pair.farIp, ...farAddresses(FAR_ADDRESSES)].map((address) => ({ family: "ipv4", address }) as const);
  const reflector = far(() =>
    udpReflector({
      kernel,
      clock,
      port: PROBE_PORT,
      listen,
      incarnation: "ffeeddccbbaa9988",
      maxPacketBytes: 9_000,
      isFrom: () => true,
      nodeOf: () => undefined,
    }),
  );
  const rules = (namespace: string, hook: string, lines: readonly string[]) =>
    pair.nft(
      namespace,
      `flush ruleset\ntable ip faults {\n counter one { }\n counter two { }\n chain c {\n type filter hook ${hook} priority 0;\n ${lines.join("\n ")}\n }\n}\n`,
    );
  return {
    pair,
    clock,
    far,
    reflect: () => void reflector.drain(),
    kernel,
    farInput: (...lines) => rules(pair.far, "input", lines),
    nearOutput: (...lines) => rules(pair.near, "output", lines),
    counted(side, counter) {
      const text = pair.run(pair[side], "nft", "list", "counter", "ip", "faults", counter);
      return Number(/packets (\d+)/.exec(text)?.[1]);
    },
    mend() {
      pair.nft(pair.far, "flush ruleset\n");
      pair.nft(pair.near, "flush ruleset\n");
      pair.run(pair.near, "ip", "route", "flush", "type", "blackhole");
      pair.run(pair.far, "sysctl", "-qw", "net.ipv4.icmp_echo_ignore_all=0");
    },
    async [Symbol.asyncDispose]() {
      reflector[Symbol.dispose]();
      await responder[Symbol.asyncDispose]();
      inside[Symbol.dispose]();
      pair[Symbol.dispose]();
    },
  };
}

export async function realWorld(network: RealNetwork, options: RealWorldOptions): Promise<Omit<World, "breakPath">> {
  const sink = new RecordingSink();
  const prober = await options.prober({ sink, timeoutMs: options.timeoutMs, network });
  return {
    prober,
    sink,
    timeoutMs: options.timeoutMs,
    peer: testSlot({ protocol: options.protocol, address: network.pair.farIp }),
    healthy: testSlot({ protocol: options.protocol, address: "10.99.1.1" }),
    async run(ms) {
      const endMs = performance.now() + ms;
      do {
        await sleep(Math.min(5, ms));
        network.reflect();
        prober.drain();
        prober.expire();
      } while (performance.now() < endMs);
    },
    [Symbol.asyncDispose]() {
      network.mend();
      return Promise.resolve();
    },
  };
}
