// What agents tell of the service path: connections to a Service's address that are not answered, and a Service that none
// can be made to. Pure.
import { counted, listed } from "../../base/format.ts";
import { isFailing, type ServiceWindow } from "../../model/service.ts";
import type { Row } from "../../model/snapshot.ts";
import type { MeshGrid } from "./mesh-grid.ts";
import type { Note } from "./note.ts";

const NAMES_TOLD = 8;
const NODES_TOLD = 4;

const WHOSE: Readonly<Record<string, string>> = {
  agents: "the Service of all agents",
  kubernetes: "the API server's Service",
};
const nameOf = (service: string): string => WHOSE[service] ?? `the Service ${service}`;

interface Failing {
  readonly node: string;
  readonly path: ServiceWindow;
}

export const failingServicePaths = ({ snapshot }: MeshGrid): readonly Failing[] =>
  snapshot.rows.flatMap((row) => {
    const podLoss = tcpLossOf(row);
    const failing = (row.servicePath?.paths ?? []).filter((path) => isFailing(path, podLoss));
    return failing.map((path) => ({ node: row.source.name, path }));
  });

function tcpLossOf({ pairs }: Row): number {
  const windows = pairs.filter(({ protocol }) => protocol === "tcp").map(({ window }) => window);
  const probes = windows.reduce((sum, window) => sum + window.probes, 0);
  return probes === 0 ? 0 : windows.reduce((sum, window) => sum + window.failures, 0) / probes;
}

export function serviceNotes(grid: MeshGrid): Note[] {
  const failing = [
    ...Map.groupBy(failingServicePaths(grid), ({ path }) => `${nameOf(path.service)} at ${path.address}`),
  ];
  return [...failing.flatMap(([what, nodes]) => failingNotes(what, nodes)), ...unresolvedNotes(grid)];
}

function failingNotes(what: string, nodes: readonly Failing[]): Note[] {
  if (nodes.length <= NODES_TOLD)
    return nodes.map(({ node, path }) => ({
      text: `From ${node} ${path.failures} of ${counted(path.probes, "connection")} to ${what} failed in the last minute: ${reasonsOf([path])}.`,
    }));
  const names = listed(
    nodes.map(({ node }) => node),
    NAMES_TOLD,
  );
  return [
    { text: `From ${names} connections to ${what} failed in the last minute: ${reasonsOf(nodes.map((n) => n.path))}.` },
  ];
}

function reasonsOf(paths: readonly ServiceWindow[]): string {
  const sums = new Map<string, number>();
  for (const { reasons } of paths)
    for (const [reason, count] of Object.entries(reasons)) sums.set(reason, (sums.get(reason) ?? 0) + count);
  return listed([...sums].map(([reason, count]) => `${count} ${reason}`));
}

function unresolvedNotes({ snapshot }: MeshGrid): Note[] {
  const unresolved = snapshot.rows.flatMap((row) =>
    (row.servicePath?.unresolved ?? []).map((service) => ({ ...service, node: row.source.name })),
  );
  return [...Map.groupBy(unresolved, ({ service, reason }) => `${nameOf(service)}: ${reason}`)].map(
    ([what, nodes]) => ({
      text: `${listed(
        nodes.map(({ node }) => node),
        NAMES_TOLD,
      )} cannot probe ${what}.`,
    }),
  );
}
