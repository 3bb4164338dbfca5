// The last minute of one path as lines, one for each direction, with a mark where probes were lost.
import type { SecondSummary } from "../../model/snapshot.ts";
import { svg } from "./dom.ts";
import { formatDelay } from "../../base/format.ts";

export interface Line {
  readonly name: string;
  readonly seconds: readonly (SecondSummary | null)[];
}

const WIDTH = 420;
const HEIGHT = 92;
const LEFT = 52;
const TOP = 8;
const LINE_BOTTOM = 58;
/** One row of loss marks for each direction. */
const MARKS = 68;
const MARK_STEP = 9;

export function lineChart(lines: readonly Line[], description: string): SVGSVGElement {
  const length = Math.max(...lines.map((line) => line.seconds.length), 2);
  const x = (second: number) => LEFT + ((WIDTH - LEFT - 4) * second) / (length - 1);
  const delays = lines.flatMap((line) => line.seconds.flatMap((s) => s?.rttMeanNs ?? []));
  const topNs = ceiling(Math.max(...delays, 1_000));
  const y = (ns: number) => LINE_BOTTOM - ((LINE_BOTTOM - TOP) * ns) / topNs;
  const chart = svg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    class: "chart",
    role: "img",
    "aria-label": description,
  });
  for (const [ns, label] of delays.length > 0
    ? ([
        [0, "0"],
        [topNs / 2, formatDelay(topNs / 2)],
        [topNs, formatDelay(topNs)],
      ] as const)
    : []) {
    chart.append(
      svg("line", { class: "grid", x1: LEFT, x2: WIDTH - 4, y1: y(ns), y2: y(ns) }),
      svg("text", { class: "tick", x: LEFT - 5, y: y(ns) + 3.5, "text-anchor": "end" }, label),
    );
  }
  if (delays.length === 0)
    chart.append(
      svg(
        "text",
        { class: "tick", x: LEFT + (WIDTH - LEFT) / 2, y: (TOP + LINE_BOTTOM) / 2 + 4, "text-anchor": "middle" },
        "no delay in the last minute",
      ),
    );
  for (const [i, { seconds }] of lines.entries()) {
    const order = i === 0 ? "there" : "back";
    chart.append(
      svg("path", { class: `line ${order}`, d: pathOf(seconds, x, y) }),
      ...dots(seconds, x, y, order),
      ...marks(seconds, x, MARKS + i * MARK_STEP, order),
    );
  }
  chart.append(
    svg("text", { class: "tick", x: LEFT, y: HEIGHT - 2 }, "60 s ago"),
    svg("text", { class: "tick", x: WIDTH - 4, y: HEIGHT - 2, "text-anchor": "end" }, "now"),
  );
  return chart;
}

type Scale = (value: number) => number;

/** A second without a probe is bridged; one that lost its probe breaks the line: nothing is drawn where nothing was measured. */
function pathOf(seconds: Line["seconds"], x: Scale, y: Scale): string {
  let path = "";
  let pen = "M";
  for (const [i, second] of seconds.entries()) {
    if (second === null) continue;
    if (second.rttMeanNs === undefined) {
      pen = "M";
      continue;
    }
    path += `${pen}${x(i).toFixed(1)} ${y(second.rttMeanNs).toFixed(1)}`;
    pen = "L";
  }
  return path;
}

/** Points that no line joins would be invisible without a dot. */
function dots(seconds: Line["seconds"], x: Scale, y: Scale, order: string): SVGElement[] {
  const measured = seconds.flatMap((second, i) =>
    second?.rttMeanNs === undefined ? [] : [{ i, ns: second.rttMeanNs }],
  );
  if (measured.length > 20) return [];
  return measured.map(({ i, ns }) =>
    svg("circle", { class: `dot ${order}`, cx: x(i).toFixed(1), cy: y(ns).toFixed(1), r: 1.8 }),
  );
}

function marks(seconds: Line["seconds"], x: Scale, at: number, order: string): SVGElement[] {
  return seconds.flatMap((second, i) => {
    if (second === null || second.failures === 0) return [];
    const cx = x(i);
    return [
      svg(
        "path",
        { class: `lost ${order}`, d: `M${cx - 2.5} ${at - 2.5}l5 5M${cx + 2.5} ${at - 2.5}l-5 5` },
        svg("title", {}, `${second.failures} of ${second.probes} lost`),
      ),
    ];
  });
}

/** The next 1, 2 or 5 times a power of ten. */
function ceiling(ns: number): number {
  const decade = 10 ** Math.floor(Math.log10(ns));
  return decade * ([1, 2, 5, 10].find((step) => ns <= step * decade) ?? 10);
}
