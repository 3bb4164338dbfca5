import { describe, expect, test } from "vitest";
import { type Cell, cellOf, cellText, cellWords, type View } from "../../agent/diagnosis/notes/cells.ts";
import { formatDelay, formatLoss, listed } from "../../agent/base/format.ts";
import { layOut } from "../../agent/page/client/layout.ts";
import { MeshGrid } from "../../agent/diagnosis/notes/mesh-grid.ts";
import {
  contrast,
  delayColor,
  delayScale,
  delayShare,
  inkOn,
  LOSS_STEPS,
  lossStep,
  luminance,
  PALETTES,
} from "../../agent/page/client/scale.ts";
import { sampleSnapshot } from "../support/sample-mesh.ts";
import { goldenSnapshot } from "../api/golden.ts";

const grid = new MeshGrid(goldenSnapshot());
const at = (from: string, to: string, view: View): Cell => cellOf(grid, view, Number(from) - 1, Number(to) - 1);
const ANY: View = { measure: "loss", path: "any" };
const RTT: View = { measure: "rttMean", path: "pod-icmp-ipv4" };

describe("a cell of the frozen mesh", () => {
  test("paths are ordered pod before node, ICMP, TCP, UDP", () => {
    expect(grid.paths.map((p) => `${p.network} ${p.protocol}`)).toEqual([
      "pod icmp",
      "pod tcp",
      "pod udp",
      "node icmp",
    ]);
  });

  test("the worst of all paths is shown and named", () => {
    expect(at("2", "4", ANY)).toMatchObject({ kind: "loss", lost: 4, of: 14, on: "Pod TCP" });
    expect(cellWords(at("2", "4", ANY), ANY)).toBe("29% lost (4 of 14) on Pod TCP, the worst path");
  });

  test("all lost on every path is told from all lost on one", () => {
    expect(at("1", "6", ANY)).toMatchObject({ ratio: 1, partial: false });
    const pairs = goldenSnapshot().rows[0]!.pairs.map((p) =>
      p.destination.name === "node-2" && p.protocol === "udp"
        ? { ...p, window: { ...p.window, failures: 12, rttMeanNs: undefined } }
        : p,
    );
    const oneDown = new MeshGrid({ ...grid.snapshot, rows: [{ ...grid.snapshot.rows[0]!, pairs }] });
    expect(cellOf(oneDown, ANY, 0, 1)).toMatchObject({ ratio: 1, partial: true, on: "Pod UDP" });
  });

  test("a missing row is no data with its reason in every view, never zero", () => {
    for (const view of [ANY, RTT])
      expect(at("6", "1", view)).toMatchObject({
        kind: "none",
        why: expect.stringContaining("no row from node-6: no answer"),
      });
  });

  test("all lost is loss in a view of delays too, never a delay", () => {
    expect(at("1", "6", RTT)).toMatchObject({ kind: "loss", ratio: 1, lost: 60, of: 60 });
  });

  test("a delay with loss says so", () => {
    expect(at("2", "4", RTT)).toMatchObject({ kind: "delay", lossy: true });
    expect(at("1", "2", RTT)).toEqual({ kind: "delay", ns: 94_289, lossy: false });
  });

  test("refused is neither loss nor a delay", () => {
    expect(at("1", "5", { measure: "loss", path: "pod-tcp-ipv4" })).toMatchObject({
      kind: "loss",
      ratio: 0,
      refused: true,
    });
    expect(at("1", "5", { measure: "rttMax", path: "pod-tcp-ipv4" })).toEqual({ kind: "refused" });
    expect(cellText(at("1", "5", ANY))).toBe("refused");
  });

  test("the diagonal is the node itself", () => {
    expect(at("3", "3", ANY)).toEqual({ kind: "self" });
  });
});

test("a pair that is not probed and a window without a probe are no data, each in its words", () => {
  const snapshot = sampleSnapshot({ nodes: 3, zones: 1 });
  const [first, ...rest] = snapshot.rows;
  const pairs = first!.pairs
    .filter((p) => p.destination.name !== "node-2")
    .map((p) => ({ ...p, window: { ...p.window, probes: 0, failures: 0, rttMeanNs: undefined } }));
  const sparse = new MeshGrid({ ...snapshot, rows: [{ ...first!, pairs }, ...rest] });
  expect(cellOf(sparse, RTT, 0, 1)).toEqual({ kind: "none", why: "this pair is not probed here" });
  expect(cellOf(sparse, RTT, 0, 2)).toEqual({ kind: "none", why: "no probe has completed in the last minute" });
  expect(cellOf(sparse, ANY, 0, 1).kind).toBe("none");
});

test("numbers have sensible units and no digit that was not measured", () => {
  expect([400, 94_289, 999_499, 999_600, 1_840_000, 12_345_000, 250_400_000, 12_000_000_000].map(formatDelay)).toEqual([
    "<1 µs",
    "94 µs",
    "999 µs",
    "1.00 ms",
    "1.84 ms",
    "12.3 ms",
    "250 ms",
    "12.0 s",
  ]);
  expect([0, 0.001, 0.017, 0.2, 0.999, 1].map(formatLoss)).toEqual(["0%", "<1%", "2%", "20%", ">99%", "100%"]);
  expect([listed(["a"]), listed(["a", "b", "c"]), listed(["a", "b", "c", "d", "e"])]).toEqual([
    "a",
    "a, b and c",
    "a, b, c and 2 more",
  ]);
});

describe.each(["light", "dark"] as const)("the %s palette", (theme) => {
  const palette = PALETTES[theme];

  test("tells the steps of loss apart by lightness alone, in one direction", () => {
    const lights = palette.loss.slice(1).map(luminance);
    const sorted = lights.toSorted((a, b) => (theme === "light" ? b - a : a - b));
    expect(lights).toEqual(sorted);
    for (const [i, color] of palette.loss.slice(2).entries())
      expect(contrast(color, palette.loss[i + 1]!)).toBeGreaterThan(1.2);
  });

  test("has delay colours whose lightness rises or falls all the way", () => {
    const lights = palette.delay.map(luminance);
    expect(lights).toEqual(lights.toSorted((a, b) => (theme === "light" ? b - a : a - b)));
  });

  test("keeps text on every cell readable (WCAG AA, 4.5:1)", () => {
    const shades = Array.from({ length: 101 }, (_, i) => delayColor(i / 100, palette));
    for (const color of [...palette.loss, ...shades, palette.refused])
      expect(contrast(color, inkOn(color, palette))).toBeGreaterThanOrEqual(4.5);
  });
});

test("every loss has its step, and only all lost has the last", () => {
  expect([0, 0.0001, 0.01, 0.03, 0.1, 0.5, 0.999, 1].map((r) => LOSS_STEPS[lossStep(r)]!.name)).toEqual([
    "none",
    "under 1%",
    "1–3%",
    "3–10%",
    "10–50%",
    "over 50%",
    "over 50%",
    "all",
  ]);
});

test("the scale of delays has round ends, at least a decade, room above what is usual, and is not stretched by one outlier", () => {
  expect(delayScale([])).toBeUndefined();
  expect(delayScale([120_000, 130_000])).toEqual({ lowNs: 100_000, highNs: 1_000_000 });
  const scale = delayScale([...Array.from({ length: 500 }, (_, i) => 90_000 + i * 3_000), 5e9])!;
  expect(scale).toEqual({ lowNs: 100_000, highNs: 5_000_000 });
  expect([delayShare(10, scale), delayShare(5e9, scale)]).toEqual([0, 1]);
});

describe("the layout", () => {
  const zones = [
    { name: "a", from: 0, to: 2 },
    { name: "b", from: 2, to: 5 },
  ];

  test("finds the cell under every cell's own middle, and none in the gap between zones", () => {
    const layout = layOut({ zones, nodes: 5, availablePx: 900, longestName: 6 });
    for (let from = 0; from < 5; from++) {
      for (let to = 0; to < 5; to++) {
        const { x, y, width, height } = layout.box(from, to);
        expect(layout.find(x + width / 2, y + height / 2)).toEqual({ from, to });
      }
    }
    expect(layout.find(layout.columns[2]! - 3, 1)).toBeUndefined();
    expect(layout.find(-1, 1)).toBeUndefined();
  });

  test("fits the room while cells can still be hit, and scrolls below that", () => {
    const many = [{ name: "a", from: 0, to: 100 }];
    expect(layOut({ zones: many, nodes: 100, availablePx: 1_500, longestName: 8 })).toMatchObject({
      upright: true,
      width: 1_400,
    });
    expect(layOut({ zones: many, nodes: 100, availablePx: 390, longestName: 8 }).cellWidth).toBe(11);
  });
});
