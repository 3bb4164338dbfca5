// What a lab of many agents asks of one machine, and what is left out so that it has that.
import { availableParallelism } from "node:os";
import type { AgentSettings } from "./agent-files.ts";
import { LabError } from "./machine.ts";

export interface Machine {
  readonly processors: number;
  /** Memory that programs can still have; undefined where the kernel does not tell. */
  readonly availableBytes: number | undefined;
}

export interface LabSize {
  readonly settings: AgentSettings;
  /** For a person who waits. */
  readonly remarks: readonly string[];
}

/** Of one agent that runs from a checkout, to itself. */
const AGENT_BYTES = 105e6;
/** Percent of a processor: an agent, and each peer that it probes and answers. */
const AGENT_PERCENT = 0.8;
const PEER_PERCENT = 0.0125;
/** So that the rest of the machine, and the agents that only start, have the other half. */
const MOST_PERCENT_OF_A_PROCESSOR = 50;
/** Smaller ones say nothing. */
const LARGE = 20;
/** Peers of a node where all would be too many: the default of `peers.sampleSize`. */
const SAMPLE = 24;

/** Throws LabError where the memory is too small. */
export function sizeOf(nodes: number, machine: Machine): LabSize {
  if (nodes <= LARGE) return { settings: {}, remarks: [] };
  const bytes = nodes * AGENT_BYTES;
  const { processors, availableBytes } = machine;
  if (availableBytes !== undefined && bytes > availableBytes)
    throw new LabError(
      `${nodes} agents need about ${gigabytes(bytes)} of memory, and ${gigabytes(availableBytes)} are available. Use --nodes ${Math.max(2, Math.floor(availableBytes / AGENT_BYTES))}, or a larger machine`,
    );
  const percentWith = (peers: number): number => nodes * (AGENT_PERCENT + PEER_PERCENT * peers);
  const isTooMuch = percentWith(nodes - 1) > MOST_PERCENT_OF_A_PROCESSOR * processors;
  const cost = (peers: number): string =>
    `${nodes} agents take about ${gigabytes(bytes)} of memory and ${(percentWith(peers) / 100).toFixed(1)} of ${processors} processors`;
  if (!isTooMuch) return { settings: {}, remarks: [cost(nodes - 1)] };
  return {
    settings: {
      peers: { fullMeshLimit: SAMPLE + 1, sampleSize: SAMPLE },
      icmp: { intervalMs: 5_000 },
      tcp: { intervalMs: 10_000 },
      udp: { intervalMs: 10_000 },
    },
    remarks: [
      cost(SAMPLE),
      `each node probes ${SAMPLE} others, as in a mesh above peers.fullMeshLimit, and less often: all ${nodes - 1} would take ${(percentWith(nodes - 1) / 100).toFixed(1)} processors`,
    ],
  };
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

export const thisMachine = (): Machine => ({
  processors: availableParallelism(),
  // 0 where it is not known.
  availableBytes: process.availableMemory() || undefined,
});
