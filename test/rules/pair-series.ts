// What agents export of pairs.
import { name, scrapedLabels, tunable, type Counter } from "./counter.ts";
import type { History } from "./history.ts";
import { active, type Labels } from "./incident.ts";
import { intervalsOf, slotsOf, type Slot } from "./mesh.ts";

export function pairSeries(history: History): readonly Counter[] {
  return slotsOf(history.mesh).flatMap((slot) => {
    const labels = { ...scrapedLabels(history, slot.source), ...slotLabels(slot) };
    const ends = { source: slot.source, destination: slot.destination };
    const { lost, lostOn, blocked, refused, retransmits, factor } = fate(history, slot);
    const rate = 1 / intervalsOf(history.mesh)[slot.protocol];
    const counters: Counter[] = [
      { series: name("internode_probes_total", labels), ...ends, at: () => rate },
      { series: name("internode_probe_failures_total", labels), ...ends, at: (second) => rate * lost(second) },
      {
        series: name("internode_rtt_seconds_count", labels),
        ...ends,
        at: (second) => rate * (1 - lost(second)) * (1 - refused(second)),
      },
    ];
    counters.push(
      {
        series: name("internode_probe_refusals_total", labels),
        ...ends,
        at: (second) => rate * refused(second),
        whenSeen: true,
      },
      {
        series: name("internode_probe_failure_reasons_total", { ...labels, reason: "blocked" }),
        ...ends,
        at: (second) => rate * blocked(second),
        whenSeen: true,
      },
    );
    counters.push({
      series: name("internode_rtt_max_seconds", labels),
      ...ends,
      at: (second) => (lastMinute(second).some((each) => lost(each) < 1 && refused(each) < 1) ? 1 / 512 : undefined),
      gauge: true,
    });
    if (slot.protocol === "tcp") {
      counters.push({
        series: name("internode_tcp_syn_retransmits_total", labels),
        ...ends,
        at: (second) => rate * retransmits(second),
      });
    }
    if (slot.protocol === "udp") {
      for (const direction of ["forward", "reverse"] as const) {
        const labelled = name("internode_directional_lost_total", { ...labels, direction });
        counters.push({ series: labelled, ...ends, at: (second) => rate * lostOn(direction)(second) });
      }
    }
    if (history.withRtt) {
      const rttS = slot.sourceZone === slot.destinationZone ? 0.5 / 1024 : 1 / 512;
      counters.push({
        series: name("internode_rtt_seconds_sum", labels),
        ...ends,
        at: (second) => rate * (1 - lost(second)) * rttS * factor(second),
      });
    }
    if (slot.network === "pod" && slot.protocol === "icmp") {
      const { protocol: _, ...path } = labels;
      counters.push(
        tunable(history, {
          metric: "internode_path_mtu_shortfall_bytes",
          labels: path,
          ...ends,
          value: 0,
          gauge: true,
        }),
      );
    }
    return counters;
  });
}

function lastMinute(second: number): readonly number[] {
  return Array.from({ length: Math.min(60, second + 1) }, (_, ago) => second - ago);
}

/** What happens to one slot's probes at a given second, as shares. */
function fate(history: History, slot: Slot) {
  const mine = history.incidents.filter((incident) => "where" in incident && incident.where(slot));
  const losses = mine.filter((incident) => incident.kind === "loss");
  const refusals = mine.filter((incident) => incident.kind === "refusal");
  const resent = mine.filter((incident) => incident.kind === "retransmits");
  const slow = mine.filter((incident) => incident.kind === "latency");
  const lostTo = (fatal: typeof losses) => (second: number) =>
    1 - fatal.reduce((kept, incident) => (active(incident, second) ? kept * (1 - incident.share) : kept), 1);
  return {
    lost: lostTo(losses),
    blocked: lostTo(losses.filter(({ isBlocked }) => isBlocked)),
    lostOn: (direction: "forward" | "reverse") => (second: number) =>
      losses.reduce(
        (sum, incident) =>
          incident.direction?.(slot) === direction && active(incident, second) ? sum + incident.share : sum,
        0,
      ),
    refused: (second: number) => (refusals.some((incident) => active(incident, second)) ? 1 : 0),
    retransmits: (second: number) =>
      resent.reduce((sum, incident) => (active(incident, second) ? sum + incident.perProbe : sum), 0),
    factor: (second: number) =>
      slow.reduce((product, incident) => (active(incident, second) ? product * incident.factor : product), 1),
  };
}

function slotLabels(slot: Slot): Labels {
  return {
    source_node: slot.source,
    destination_node: slot.destination,
    source_zone: slot.sourceZone,
    destination_zone: slot.destinationZone,
    network: slot.network,
    protocol: slot.protocol,
    ip_family: slot.ipFamily,
  };
}
