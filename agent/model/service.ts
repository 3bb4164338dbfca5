// The service path: node → ClusterIP → whoever answers behind it. kube-proxy, or what replaces it, makes it.
import type { IpFamily } from "./peer.ts";
import { FAILURE_REASONS } from "./outcome.ts";
import { SERVICE_FAILING_RATIO } from "./thresholds.ts";

/** `agents`: our own Service, with all agents behind it; `kubernetes`: that of the API server. */
export const SERVICES = ["agents", "kubernetes"] as const;
export type ServiceName = (typeof SERVICES)[number];

/**
 * Between two pods a refusal proves the path. Here it does not: the proxy itself refuses where it believes that nobody is
 * behind the address, and whoever asked has got nothing.
 */
export const SERVICE_FAILURE_REASONS = [...FAILURE_REASONS, "refused"] as const;
export type ServiceFailureReason = (typeof SERVICE_FAILURE_REASONS)[number];

/** One address of a Service as it is probed from this node. */
export interface ServicePath {
  /** The same for a service and family as long as the agent lives. */
  readonly index: number;
  readonly service: ServiceName;
  readonly family: IpFamily;
  readonly address: string;
}

/** The trailing minute of one address of a Service. */
export interface ServiceWindow {
  readonly service: string;
  readonly family: IpFamily;
  readonly address: string;
  readonly probes: number;
  readonly failures: number;
  readonly reasons: Readonly<Partial<Record<ServiceFailureReason, number>>>;
  /** SYNs that the kernel sent again. */
  readonly retransmits: number;
  readonly rttMeanNs: number | undefined;
}

/** What an agent tells of its service path. */
export interface ServiceState {
  readonly paths: readonly ServiceWindow[];
  /** Services that are to be probed and whose address is not known, with the reason in words. */
  readonly unresolved: readonly { readonly service: string; readonly reason: string }[];
}

/** More than what one endpoint that goes away may cost. */
const FAILING_AT_LEAST = 3;
/**
 * How much of the loss by a Service (agents, cluster DNS) the pod network's own explains: where one pod in five is not reached, one connection
 * in five fails. Twice as much, since chance picks the pods, and a minute has few probes.
 */
export const EXPLAINED_BY_POD_LOSS = 2;

/**
 * Whether this address of a Service counts as broken: one failure in a minute does not. `podLoss`: the share of TCP probes
 * between pods that failed from the same node.
 */
export const isFailing = ({ probes, failures }: Pick<ServiceWindow, "probes" | "failures">, podLoss: number): boolean =>
  failures >= FAILING_AT_LEAST && failures > (SERVICE_FAILING_RATIO + EXPLAINED_BY_POD_LOSS * podLoss) * probes;
