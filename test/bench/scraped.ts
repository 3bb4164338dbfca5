// Reading what a process publishes for Prometheus.
import { get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { enterNamespace } from "../support/enter-namespace.ts";

const STARTS_WITHIN_MS = 15_000;

/** Fetch from inside a namespace; tries again while the other side is only starting. */
export async function fetchFrom(namespace: string, url: string): Promise<string> {
  using there = new DisposableStack();
  there.use(enterNamespace(namespace));
  const giveUpAt = performance.now() + STARTS_WITHIN_MS;
  for (;;) {
    try {
      return await fetchText(url);
    } catch (err) {
      if (performance.now() > giveUpAt) throw err;
      await sleep(50);
    }
  }
}

/** No connection is kept: the next one may be in another namespace. */
export const fetchText = (url: string): Promise<string> =>
  new Promise((resolve, reject) => {
    get(url, { agent: false, timeout: 20_000 }, (response) => {
      let text = "";
      response
        .setEncoding("utf8")
        .on("data", (part: string) => (text += part))
        .on("end", () => resolve(text))
        .on("error", reject);
    })
      .on("timeout", () => reject(new Error(`${url} did not answer within 20 s`)))
      .on("error", reject);
  });

/** Sum over all series of a metric that carry this label text; 0 when there is none. */
export function sumOf(exposition: string, metric: string, label = ""): number {
  let sum = 0;
  for (const line of exposition.split("\n")) {
    if (
      !line.startsWith(metric) ||
      (line[metric.length] !== "{" && line[metric.length] !== " ") ||
      !line.includes(label)
    )
      continue;
    sum += Number(line.slice(line.lastIndexOf(" ") + 1));
  }
  return sum;
}
