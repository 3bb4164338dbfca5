// One colour, one meaning, on every dashboard. Chosen to be told apart by people who do not see red and green, and to
// work on Grafana's dark and light grounds. Grafana writes black on what is brighter than 180 of 255, else white: nothing
// lies just below that.
import { type Threshold, ThresholdsConfigBuilder, ThresholdsMode } from "@grafana/grafana-foundation-sdk/dashboard";
import { LOSSY_RATIO } from "../agent/model/thresholds.ts";
import { PROTOCOLS as NAMES } from "../agent/probes/protocols.ts";

export const FINE = "#2f8f5b";
export const SOME = "#e8c43a";
export const LOSSY = "#dd7410";
export const BAD = "#d0341f";
export const DEAD = "#6d0f12";
/** A node and itself: nothing to measure. */
export const DIAGONAL = "#3c4450";
/** Should have been measured, or may have been, and was not. */
export const NO_DATA = "#767d88";

/** A protocol has its colour wherever it is a line; the node network is drawn with dashes. */
const PALETTE = ["#56b4e9", "#e69f00", "#cc79a7", "#009e73", "#f0e442"];
export const PROTOCOLS = Object.fromEntries(NAMES.map((name, i) => [name, PALETTE[i % PALETTE.length]!]));

const steps = (base: string, ...rest: readonly (readonly [from: number, color: string])[]): ThresholdsConfigBuilder => {
  // JSON has no -Infinity: Grafana reads null as that.
  const first: Threshold = { value: null, color: base };
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps([first, ...rest.map(([value, color]) => ({ value, color }))]);
};

/** From this on the rules call a protocol of a pair lossy. Below a tenth of a per mille is floating-point dust. */
export const lossSteps = () => steps(FINE, [0.0001, SOME], [LOSSY_RATIO, LOSSY], [0.1, BAD], [0.5, DEAD]);

/** Seconds, about doubling: a delay is long or short, not good or bad, so the scale is one hue. */
export const rttSteps = () =>
  steps(
    "#eef7fd",
    [0.00005, "#dbecf9"],
    [0.0001, "#c3dff4"],
    [0.0002, "#a9d1ef"],
    [0.0005, "#94c5eb"],
    [0.001, "#4a90d0"],
    [0.002, "#3a7fc2"],
    [0.005, "#2c6cae"],
    [0.01, "#205a98"],
    [0.025, "#1c447f"],
    [0.05, "#233064"],
    [0.1, "#3b1d5c"],
  );

/** Fine at zero, bad above it. */
export const zeroIsFine = () => steps(FINE, [0.000001, LOSSY]);
/** Fine at one, bad below it. */
export const oneIsFine = () => steps(BAD, [1, FINE]);
/** No judgement. */
export const plain = () => steps("#3480c4");
