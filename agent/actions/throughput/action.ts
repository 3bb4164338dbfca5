// throughput: how much a path carries, from this node to another one, by TCP or UDP. What `iperf3` is for, with a far end
// that opens for the run and closes after it.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { familiesOf } from "../../config/plan.ts";
import { KernelError } from "../../kernel/kernel.ts";
import { NETWORKS, type IpFamily, type Network } from "../../model/peer.ts";
import { action, ActionError, type ActionContext } from "../action.ts";
import type { Line } from "../lines.ts";
import { kernelOf } from "../path/targets.ts";
import { FarEnd } from "./far-end.ts";
import type { Interval, ThroughputReport } from "./report.ts";
import {
  DEFAULT_MESSAGE_BYTES,
  DEFAULT_RATE_MBPS,
  MAX_SECONDS,
  throughputRequest,
  type ThroughputRequest,
} from "./request.ts";
import type { BulkSender } from "./sender.ts";
import { openTcpSender } from "./tcp-sender.ts";
import { openUdpSender } from "./udp-sender.ts";

export interface ThroughputProgress {
  readonly network: Network;
  readonly protocol: ThroughputRequest["protocol"];
  readonly interval: Interval;
  readonly of: number;
}

export interface ThroughputResult {
  readonly runs: readonly ThroughputReport[];
}

/** Of a path whose MTU the kernel knows, less the headers of IP and UDP. */
const HEADERS_BYTES = { ipv4: 28, ipv6: 48 } as const;
/** What every Ethernet carries; larger ones only where all the way is known to. */
const USUAL_MTU = 1_500;
const TICK_MS = 1;

export const throughput = action<ThroughputRequest, ThroughputProgress, ThroughputResult>({
  does: "sends as much as a path carries to another node",
  request: throughputRequest,
  caps: { atOnce: 1, inMesh: 1, mustBeGranted: true, seconds: NETWORKS.length * (MAX_SECONDS + 20) },
  targets: ({ target }) => [target],
  async *run(request, context) {
    const runs: ThroughputReport[] = [];
    for (const network of networksOf(request, context)) {
      if (context.signal.aborted) break;
      runs.push(yield* measured(network, request, context));
    }
    return { runs };
  },
});

/** TCP goes wherever TCP probes are answered; the port of UDP is open in pods only. */
function networksOf(
  { networks, protocol, target }: ThroughputRequest,
  { config, peer }: ActionContext,
): readonly Network[] {
  const isAnswered = (network: Network) =>
    network === "pod" || (protocol === "tcp" && config.tcp.networks.includes(network));
  const asked = networks ?? NETWORKS.filter(isAnswered);
  if (!asked.every(isAnswered))
    throw new ActionError(
      protocol === "udp"
        ? "throughput by UDP is measured on the pod network only: its port is not open on nodes. By TCP both can be measured"
        : "no agent receives on the node network here: that takes hostPort or hostNetwork in the chart's values, and node in tcp.networks",
    );
  const known = asked.filter((network) => Object.keys(peer(target).addresses[network]).length > 0);
  if (known.length === 0)
    throw new ActionError(`no address of ${target} is known on the ${asked.join(" or ")} network`);
  return known;
}

async function* measured(
  network: Network,
  request: ThroughputRequest,
  context: ActionContext,
): AsyncGenerator<ThroughputProgress, ThroughputReport> {
  const report = planOf(network, request, context);
  const session = randomBytes(8).toString("hex");
  const lines: AsyncGenerator<Line> = context.at(request.target, {
    action: "receive",
    request: {
      target: context.self.name,
      session,
      protocol: report.protocol,
      family: report.family,
      seconds: report.seconds,
      streams: report.streams,
      messageBytes: report.messageBytes,
    },
  });
  await using far = new FarEnd(lines);
  const intervals: Interval[] = [];
  try {
    const port = await far.listening();
    using sender = await openSender(report, { session, port }, context);
    let before: Interval | undefined;
    const next = (second: number): ThroughputProgress => {
      const total = totalOf(second, sender, far);
      const interval = difference(total, before);
      before = total;
      intervals.push(interval);
      return { network, protocol: report.protocol, interval, of: report.seconds };
    };
    const startMs = performance.now();
    while (!sender.isOver && !context.signal.aborted && far.failed === undefined) {
      sender.tick();
      const second = Math.floor((performance.now() - startMs) / 1_000);
      if (second > intervals.length) yield next(second);
      await sleep(TICK_MS);
    }
    if (sender.error) throw sender.error;
    await sender.finish();
    if (intervals.length < report.seconds) yield next(report.seconds);
    const received = await far.result();
    const sent = sender.sent();
    const lost =
      received.udp && sent.packets !== undefined ? Math.max(0, sent.packets - received.udp.packets) : undefined;
    return { ...report, port, intervals, sent, received, ...(lost !== undefined && { lost }) };
  } catch (err) {
    return { ...report, intervals, failed: whyFailed(err as NodeJS.ErrnoException, report) };
  }
}

/** A report without figures yet. */
type Plan = Omit<ThroughputReport, "intervals">;

function planOf(network: Network, request: ThroughputRequest, context: ActionContext): Plan {
  const { config, self, peer } = context;
  const { target, protocol, seconds, streams } = request;
  const addresses = peer(target).addresses[network];
  const families: readonly IpFamily[] = request.family ? [request.family] : familiesOf(config);
  const family = families.find((one) => addresses[one] !== undefined);
  if (family === undefined)
    throw new ActionError(`no ${families.join(" or ")} address of ${target} is known on the ${network} network`);
  const address = addresses[family]!;
  const udpBytes = () => {
    const kernel = kernelOf(context, "throughput by UDP");
    const believed = kernel.believedMtu(kernel.socketAddress(address, config.ports.probe));
    return Math.min(believed, USUAL_MTU) - HEADERS_BYTES[family];
  };
  const messageBytes = request.messageBytes ?? (protocol === "tcp" ? DEFAULT_MESSAGE_BYTES : udpBytes());
  return {
    from: self.name,
    to: target,
    network,
    family,
    address,
    port: config.ports.probe,
    protocol,
    seconds,
    streams,
    messageBytes,
    rateMbps: request.rateMbps ?? DEFAULT_RATE_MBPS[protocol],
  };
}

async function openSender(
  report: Plan,
  { session, port }: { readonly session: string; readonly port: number },
  context: ActionContext,
): Promise<BulkSender> {
  const { engine } = context;
  const options = { ...report, session, to: { address: report.address, port }, clock: engine.clock };
  return report.protocol === "tcp"
    ? openTcpSender({ ...options, tcpFigures: engine.tcpFigures })
    : openUdpSender({ ...options, kernel: kernelOf(context, "throughput by UDP") });
}

function totalOf(second: number, sender: BulkSender, far: FarEnd): Interval {
  const { bytes, tcp } = sender.sent();
  return {
    second,
    sentBytes: bytes,
    receivedBytes: far.receivedBytes,
    ...(tcp && { retransmits: tcp.retransmits }),
  };
}

const difference = (total: Interval, before: Interval | undefined): Interval => ({
  second: total.second,
  sentBytes: total.sentBytes - (before?.sentBytes ?? 0),
  receivedBytes: total.receivedBytes - (before?.receivedBytes ?? 0),
  ...(total.retransmits !== undefined && { retransmits: total.retransmits - (before?.retransmits ?? 0) }),
});

function whyFailed(err: NodeJS.ErrnoException, { to, port, protocol, address, messageBytes }: Plan): string {
  if (err instanceof KernelError && err.errno === "EMSGSIZE")
    return `packets of ${messageBytes} bytes do not fit: ask for smaller messages`;
  if (err.name === "AbortError") return `the run was ended before ${to} had told what it received`;
  switch (err.code) {
    case "ECONNREFUSED":
    case "ETIMEDOUT":
    case "EHOSTUNREACH":
      return `${to} is listening, but ${address} port ${port} by ${protocol.toUpperCase()} does not answer (${err.code}): a NetworkPolicy or a firewall must let it through; 'internode connect' tells refused from silent`;
    default:
      return err.message;
  }
}
