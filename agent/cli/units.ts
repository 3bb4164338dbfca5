// Numbers as people read them. Three significant digits at most: the window does not carry more.

export function formatNs(ns: number): string {
  const [value, unit] =
    ns < 1e3 ? [ns, "ns"] : ns < 1e6 ? [ns / 1e3, "µs"] : ns < 1e9 ? [ns / 1e6, "ms"] : [ns / 1e9, "s"];
  return `${Number(value.toPrecision(value >= 100 ? 3 : 2))}${unit}`;
}

/** A ratio as a percentage. What is lost never rounds to nothing, what arrives never to all lost. */
export function formatLoss(ratio: number): string {
  if (ratio === 0) return "0%";
  if (ratio < 0.001) return "<0.1%";
  if (ratio > 0.99 && ratio < 1) return ">99%";
  const percent = ratio * 100;
  return `${percent < 10 ? Number(percent.toPrecision(2)) : Math.round(percent)}%`;
}
