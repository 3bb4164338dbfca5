// What `helm test` runs, in a pod of the agents' own image: does every agent know all others, and does it get answers
// from every peer it should probe? Asks each agent for its identity and its row, the two reads that pods may make.
// node mesh.mjs '{"hosts":["internode"],"port":8843,"nodes":0,"fullMeshLimit":100,"sampleSize":24,"patienceSeconds":90}'
import { lookup } from "node:dns/promises";
import { isIPv6 } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const expected = JSON.parse(process.argv[2]);
const endsAt = Date.now() + expected.patienceSeconds * 1000;

let last = await look();
while (last.complaints.length > 0 && Date.now() < endsAt) {
  await sleep(2_000);
  last = await look();
}
for (const warning of last.warnings) console.log(`note: ${warning}`);
if (last.complaints.length > 0) {
  for (const complaint of last.complaints.slice(0, 40)) console.error(complaint);
  if (last.complaints.length > 40) console.error(`and ${last.complaints.length - 40} more`);
  console.error(`not passed within ${expected.patienceSeconds} s`);
  process.exitCode = 1;
} else {
  console.log(last.summary);
}

async function look() {
  const found = await Promise.all(
    expected.hosts.map((host) => lookup(host, { all: true }).catch((err) => [{ err, host }])),
  );
  const unresolved = found.flat().filter(({ err }) => err !== undefined);
  const addresses = [...new Set(found.flat().map(({ address }) => address))].filter((address) => address !== undefined);
  const answers = await Promise.all(addresses.map(ask));
  return judge(
    answers,
    unresolved.map(
      ({ err, host }) => `${host} does not resolve (${err.code}): is the headless Service there, and has it endpoints?`,
    ),
  );
}

/** One agent's word, or why there is none. */
async function ask(address) {
  const at = isIPv6(address) ? `[${address}]` : address;
  try {
    const [identity, row] = await Promise.all(
      ["identity", "pairs"].map((path) => get(`http://${at}:${expected.port}/api/v1/${path}`)),
    );
    return { address, identity, row };
  } catch (err) {
    return { address, problem: err.cause?.code ?? err.message };
  }
}

async function get(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.json();
}

function judge(answers, unresolved) {
  const complaints = [...unresolved];
  // Both addresses of a dual-stack agent lead to the same one.
  const agents = new Map(
    answers.filter(({ identity }) => identity !== undefined).map((answer) => [answer.identity.node.name, answer]),
  );
  const silent = answers.filter(({ identity }) => identity === undefined);
  complaints.push(
    ...silent.map(
      ({ address, problem }) => `the agent at ${address} does not answer on port ${expected.port}: ${problem}`,
    ),
  );
  const nodes = new Set(
    [...agents.values()].flatMap(({ identity }) => [identity.node.name, ...identity.relayed.map(({ node }) => node)]),
  );
  if (agents.size === 0) complaints.push("no agent answers");
  if (expected.nodes > 0 && nodes.size !== expected.nodes)
    complaints.push(`there are ${nodes.size} nodes in the mesh, and expectedNodes is ${expected.nodes}`);

  const others = nodes.size - 1;
  const isFullMesh = nodes.size <= expected.fullMeshLimit || others <= expected.sampleSize;
  const due = isFullMesh ? others : expected.sampleSize;
  let pairs = 0;
  const slots = new Set();
  const warnings = [];
  for (const [name, { identity, row }] of agents) {
    const known = new Set([name, ...identity.relayed.map(({ node }) => node)]);
    const unknown = [...nodes.difference(known)];
    if (unknown.length > 0) complaints.push(`${name} does not know ${unknown.join(", ")}`);
    const byDestination = Map.groupBy(row.pairs, ({ destination }) => destination.name);
    if (byDestination.size < due)
      complaints.push(`${name} probes ${byDestination.size} peers, and should probe ${due}`);
    for (const [destination, measured] of byDestination) {
      const answered = measured.filter(({ window }) => window.probes - window.failures - window.refusals > 0);
      if (answered.length > 0) pairs += 1;
      else
        complaints.push(
          `${name} gets no answer from ${destination} (${measured.map(({ network, protocol, window }) => `${network} ${protocol}: ${window.failures} of ${window.probes} probes failed`).join(", ")})`,
        );
      for (const { network, protocol } of answered) slots.add(`${protocol} on the ${network} network`);
    }
    warnings.push(
      ...row.health.unavailable.map(
        ({ network, protocol, reason }) => `${name} measures no ${protocol} on the ${network} network: ${reason}`,
      ),
    );
  }
  const summary = `${agents.size} agents, ${pairs} pairs answered${isFullMesh ? "" : ` (a sample: each node probes at least ${due} of ${others})`}: ${[...slots].sort((a, b) => a.localeCompare(b)).join(", ")}`;
  return { complaints, warnings, summary };
}
