// Views of many nodes against each other: what sets a node apart, and not the lines that all have. Pure.
import { compareNames } from "../../model/order.ts";
import type { Compared, Difference } from "./difference.ts";
import { compareInterfaces } from "./interfaces.ts";
import { compareCounters, compareSockets } from "./limits.ts";
import { Owners } from "./mesh.ts";
import { compareRoutes } from "./routes.ts";
import { compareNeighbours } from "./tunnels.ts";

/** Begins what all but the one that differs have in common. */
const EVERY = "every other node";

/** Faults first, then by node. Views are of one kind of namespace: all pods', or all hosts'. */
export function compareViews({ views: all, isWhole, earlier, pods }: Compared): Difference[] {
  // Whoever asks, and in whatever order: the sentences are the same.
  const views = all.toSorted((a, b) => compareNames(a.node.name, b.node.name));
  const owners = new Owners(views);
  const found = [
    ...compareRoutes(views, owners, pods),
    ...compareInterfaces(views),
    ...compareNeighbours(views, owners, { isWhole }),
    ...compareCounters(views, earlier),
    ...compareSockets(views),
  ];
  const told = isWhole
    ? found
    : found.map((one) => ({ ...one, text: one.text.replace(EVERY, `${EVERY} that answered`) }));
  return told.sort((a, b) => Number(b.isFault) - Number(a.isFault) || compareNames(a.node, b.node));
}
