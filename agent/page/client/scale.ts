// Colours of the matrix, in both themes. Loss: blue for none, then orange steps whose lightness alone tells them
// apart. Delay: cividis (Nuñez, Anderton, Renslow 2018), made for all colour vision, low values calm in both themes. Pure.
import { LOSSY_RATIO } from "../../model/thresholds.ts";

export type Theme = "light" | "dark";

/** `below` is exclusive; the last step is all lost. */
export const LOSS_STEPS = [
  { name: "none", below: 0 },
  { name: "under 1%", below: 0.01 },
  { name: `1–${LOSSY_RATIO * 100}%`, below: LOSSY_RATIO },
  { name: `${LOSSY_RATIO * 100}–10%`, below: 0.1 },
  { name: "10–50%", below: 0.5 },
  { name: "over 50%", below: 1 },
  { name: "all", below: Number.POSITIVE_INFINITY },
] as const;

export function lossStep(ratio: number): number {
  return ratio === 0 ? 0 : LOSS_STEPS.findIndex(({ below }) => ratio < below);
}

export interface Palette {
  readonly loss: readonly string[];
  readonly delay: readonly string[];
  /** What is behind the matrix. */
  readonly ground: string;
  readonly self: string;
  readonly noData: string;
  readonly noDataLine: string;
  readonly refused: string;
  readonly darkInk: string;
  readonly lightInk: string;
}

/** Of black and white, one always stands out by 4.5:1 or more. */
const INKS = { darkInk: "#000000", lightInk: "#ffffff" } as const;

export const PALETTES: Readonly<Record<Theme, Palette>> = {
  light: {
    ground: "#f5f7f9",
    loss: ["#d3e4f1", "#fbe6bd", "#f7c877", "#ee9a3d", "#cc5f14", "#8f2f08", "#4a1403"],
    delay: [
      "#f7f0d2",
      "#e9dc9c",
      "#d2c27a",
      "#b3a974",
      "#8f8b78",
      "#6d7074",
      "#4c566c",
      "#2b4270",
      "#0b2d63",
      "#00204a",
    ],
    self: "#edf0f3",
    noData: "#dfe3e6",
    noDataLine: "#9aa4ad",
    refused: "#ffffff",
    ...INKS,
  },
  dark: {
    ground: "#0f151b",
    loss: ["#1c3d58", "#4c3f1d", "#77561a", "#b5781c", "#eaa136", "#ffcf73", "#fff3d6"],
    delay: [
      "#0b2a55",
      "#1a3a6e",
      "#3b496c",
      "#575d6d",
      "#707173",
      "#8a8678",
      "#a59c74",
      "#c3b369",
      "#e1cc55",
      "#fee838",
    ],
    self: "#1a232c",
    noData: "#2a333b",
    noDataLine: "#65727d",
    refused: "#101820",
    ...INKS,
  },
};

/** A logarithmic scale whose ends are 1, 2 or 5 times a power of ten, so that it stands still while values move. */
export interface DelayScale {
  readonly lowNs: number;
  readonly highNs: number;
}

/** What is usual stays below the top of the scale by this factor or more: what is not has room to stand out. */
const HEADROOM = 2;

/** Covers all but the outermost hundredth of the values: one outlier does not flatten the rest. */
export function delayScale(values: readonly number[]): DelayScale | undefined {
  if (values.length === 0) return undefined;
  const sorted = Float64Array.from(values).sort();
  const lowNs = nice(Math.max(sorted[Math.floor(sorted.length * 0.01)]!, 1_000), Math.floor);
  const highNs = nice(sorted[Math.ceil(sorted.length * 0.99) - 1]! * HEADROOM, Math.ceil);
  // Under one decade, colours would make noise look like news.
  return { lowNs, highNs: Math.max(highNs, lowNs * 10) };
}

/** 1, 2, 5, 10, 20, 50 …: three steps a decade. */
function nice(value: number, round: (n: number) => number): number {
  const decade = 10 ** Math.floor(Math.log10(value));
  const step =
    round === Math.ceil
      ? [1, 2, 5, 10].find((s) => value <= s * decade * 1.000_001)
      : [5, 2, 1].find((s) => value >= s * decade);
  return (step ?? 1) * decade;
}

/** 0…1 along the scale. */
export function delayShare(ns: number, { lowNs, highNs }: DelayScale): number {
  return Math.min(1, Math.max(0, Math.log(ns / lowNs) / Math.log(highNs / lowNs)));
}

export function delayColor(share: number, { delay }: Palette): string {
  const at = share * (delay.length - 1);
  const left = Math.min(Math.floor(at), delay.length - 2);
  return mix(delay[left]!, delay[left + 1]!, at - left);
}

/** The ink that stands out more on this colour. */
export function inkOn(color: string, { darkInk, lightInk }: Palette): string {
  return contrast(color, darkInk) >= contrast(color, lightInk) ? darkInk : lightInk;
}

/** WCAG 2 contrast ratio of two #rrggbb colours. */
export function contrast(a: string, b: string): number {
  const [la, lb] = [luminance(a), luminance(b)];
  return (Math.max(la, lb) + 0.05) / (Math.min(la, lb) + 0.05);
}

export function luminance(color: string): number {
  const [r, g, b] = channels(color).map((c) =>
    c / 255 <= 0.040_45 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

function mix(a: string, b: string, share: number): string {
  const [from, to] = [channels(a), channels(b)];
  return `#${from
    .map((c, i) =>
      Math.round(c + (to[i]! - c) * share)
        .toString(16)
        .padStart(2, "0"),
    )
    .join("")}`;
}

const channels = (color: string): number[] => [1, 3, 5].map((i) => Number.parseInt(color.slice(i, i + 2), 16));
