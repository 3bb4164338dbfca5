// Two nodes that die in the same second look like a group whose uplink is cut: nobody is left who could tell whether they
// reach each other. Two that die are the usual case, so each is told by itself; more of them do share something.
import { nodeGone } from "./loss-causes.ts";
import type { Look } from "../locate/culprits.ts";
import { rankCauses, type Observation } from "./observation.ts";
import { edgesOf } from "./places.ts";
import { isAllLostJustNow, pairsOn } from "./view.ts";

export const tellTwoApart = (losses: readonly Observation[], look: Look): Observation[] =>
  losses.flatMap((loss) => (isTwoDown(loss, look) ? apart(loss, look) : [loss]));

function isTwoDown({ subject }: Observation, look: Look): boolean {
  if (subject.kind !== "group" || subject.nodes.length !== 2) return false;
  const { evidence, topology } = look;
  if (evidence.nodes.some(({ node, agent }) => agent && subject.nodes.includes(node.name))) return false;
  return isAllLostJustNow(look, pairsOn(edgesOf(subject, evidence, topology), topology), {});
}

function apart(loss: Observation, look: Look): Observation[] {
  const { evidence } = look;
  const { subject, figures, sinceSeconds } = loss;
  const half = (figure = 0): number => Math.round(figure / 2);
  return evidence.nodes
    .filter(({ node }) => subject.kind === "group" && subject.nodes.includes(node.name))
    .map((node) => ({
      ...loss,
      code: "IN-NODE-DOWN",
      subject: { kind: "node", node: node.node.name },
      scope: {},
      direction: undefined,
      figures: {
        ...figures,
        lost: half(figures.lost),
        probes: half(figures.probes),
        pairs: half(figures.pairs),
        losingPairs: half(figures.losingPairs),
      },
      causes: rankCauses(nodeGone({ node, sinceSeconds }, look)),
    }));
}
