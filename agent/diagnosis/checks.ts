// What Kubernetes promises of every cluster's network, as four checks that are always listed: also when they hold, and
// also when nothing that was measured can tell.
import { counted } from "../base/format.ts";
import type { Steps } from "../base/slices.ts";
import type { Finding, NetworkCheck, NetworkCheckName } from "../model/finding.ts";
import { NETWORK_CHECKS } from "../model/finding.ts";
import type { Network } from "../model/peer.ts";
import { CODES } from "./catalogue/codes.ts";
import { capital } from "./catalogue/words.ts";
import { STEP } from "./evidence/path-history.ts";
import type { Look } from "./locate/culprits.ts";
import { seenPods } from "./observe/addresses.ts";
import { isAllLostJustNow } from "./observe/view.ts";

export function* networkChecks(look: Look, findings: readonly Finding[]): Steps<NetworkCheck[]> {
  const check: Readonly<Record<NetworkCheckName, () => NetworkCheck | Steps<NetworkCheck>>> = {
    "pods-reach-pods": () =>
      reach(look, findings, {
        name: "pods-reach-pods",
        network: "pod",
        promise: "every pod reaches every pod",
        denial: "not every pod reaches every pod",
      }),
    "no-nat": () => noNat(look, findings),
    "unique-addresses": () => uniqueAddresses(look, findings),
    "pods-and-nodes": () =>
      reach(look, findings, {
        name: "pods-and-nodes",
        network: "node",
        promise: "pods and nodes reach each other",
        denial: "not all pods and nodes reach each other",
      }),
  };
  const checks: NetworkCheck[] = [];
  for (const name of NETWORK_CHECKS) {
    const checked = check[name]();
    checks.push("next" in checked ? yield* checked : checked);
    yield;
  }
  return checks;
}

interface Reach {
  readonly name: NetworkCheckName;
  readonly network: Network;
  readonly promise: string;
  readonly denial: string;
}

/**
 * An ordered pair reaches when anything on this network was answered in the last minute, and not all is lost since: of a
 * node that has just died the minute still knows answers.
 */
function* reach(
  look: Look,
  findings: readonly Finding[],
  { name, network, promise, denial }: Reach,
): Steps<NetworkCheck> {
  const { paths, pairs } = look.evidence;
  const own = paths.filter((path) => path.network === network);
  let [measured, reached] = [0, 0];
  for (let pair = 0; pair < pairs.count; pair++) {
    if (pair % STEP === STEP - 1) yield;
    // An iterator and an array for each of tens of thousands of pairs are garbage that holds up the agent later.
    let isProbed = false;
    let isAnswered = false;
    let losesSome = false;
    for (let p = 0; p < own.length; p++) {
      const { probes, failures } = own[p]!;
      if (probes[pair] === 0) continue;
      isProbed = true;
      if (probes[pair]! > failures[pair]!) isAnswered = true;
      if (failures[pair]! > 0) losesSome = true;
    }
    if (isProbed) measured++;
    if (!isAnswered) continue;
    // Nearly all pairs lose nothing, and need no second look.
    if (!losesSome || !isAllLostJustNow(look, [pair], { network })) reached++;
  }
  if (measured === 0)
    return unknown(name, `Whether ${promise} was not measured: there are no probes on the ${network} network.`);
  const ids = findings.filter((finding) => concerns(finding, network)).map(({ id }) => id);
  const figures = `${reached.toLocaleString("en")} of ${counted(measured, "measured pair")} reach each other`;
  return reached === measured
    ? { name, state: "holds", text: `${capital(promise)}: ${figures}.`, findings: [] }
    : { name, state: "broken", text: `${capital(denial)}: ${figures}.`, findings: ids };
}

const concerns = ({ code, scope }: Finding, network: Network): boolean =>
  CODES[code].breaksReach && (scope.network === undefined || scope.network === network);

function noNat({ evidence }: Look, findings: readonly Finding[]): NetworkCheck {
  const name = "no-nat";
  const broken = findings.filter(({ code }) => code === "IN-MASQUERADE");
  if (broken.length > 0)
    return {
      name,
      state: "broken",
      text: `Pods are seen under other addresses than their own: ${counted(broken.length, "node")} concerned.`,
      findings: broken.map(({ id }) => id),
    };
  const seen = [...seenPods(evidence).values()];
  const own = seen.reduce((sum, pods) => sum + pods.own, 0);
  const other = seen.reduce((sum, pods) => sum + pods.other.size, 0);
  if (own + other === 0)
    return unknown(name, "Whether there is no NAT between pods is not visible: no agent tells as whom it is seen.");
  if (other > 0)
    return unknown(
      name,
      `Whether there is no NAT between pods is not sure: another address is seen on ${counted(other, "pair")} of ${own + other}, and no two nodes agree.`,
    );
  const text = `No NAT between pods: ${counted(own, "pair")} see the pod's own address.`;
  return { name, state: "holds", text, findings: [] };
}

function uniqueAddresses({ evidence }: Look, findings: readonly Finding[]): NetworkCheck {
  const name = "unique-addresses";
  const broken = findings.filter(({ code }) => code === "IN-ADDRESS-TWICE");
  if (broken.length > 0)
    return { name, state: "broken", text: "An address is used twice.", findings: broken.map(({ id }) => id) };
  const known = evidence.nodes.filter(({ addresses }) => addresses && Object.keys(addresses.pod).length > 0).length;
  return known === 0
    ? unknown(name, "Whether every address is unique was not measured: addresses are not known here.")
    : {
        name,
        state: "holds",
        text: `Every address is unique: those of ${counted(known, "node")} were compared.`,
        findings: [],
      };
}

const unknown = (name: NetworkCheckName, text: string): NetworkCheck => ({
  name,
  state: "unknown",
  text,
  findings: [],
});
