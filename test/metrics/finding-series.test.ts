import { expect, test } from "vitest";
import { listedFindings, SUBJECTS_LISTED } from "../../agent/metrics/finding-series.ts";
import type { Finding } from "../../agent/model/finding.ts";

const finding = (node: string, besides: Partial<Finding> = {}): Finding => ({
  id: node,
  code: "IN-NODE-LOSS",
  subject: { kind: "node", node },
  scope: {},
  text: "",
  figures: {},
  confidence: 0.9,
  since: "2026-11-23T17:00:00.000Z",
  causes: [],
  next: "",
  cure: "",
  runbook: "",
  ...besides,
});

test("a mesh that breaks everywhere lists its 20 weightiest subjects and counts the rest", () => {
  const { series, unlisted } = listedFindings(Array.from({ length: 250 }, (_, i) => finding(`node-${i}`)));
  expect(series.map(({ labels }) => labels.subject)).toEqual(
    Array.from({ length: SUBJECTS_LISTED }, (_, i) => `node-${i}`),
  );
  expect(unlisted).toBe(230);
});

test("several findings of one subject take one place of the 20", () => {
  const all = Array.from({ length: 20 }, (_, i) => finding(`node-${i}`));
  const more = finding("node-0", { code: "IN-LATENCY", scope: { network: "pod" } });
  const { series, unlisted } = listedFindings([...all, more]);
  expect(series).toHaveLength(21);
  expect(unlisted).toBe(0);
});

test("what differs in the address family only is one series, the surer and the older of the two", () => {
  const { series } = listedFindings([
    finding("a", { scope: { family: "ipv4" }, confidence: 0.7 }),
    finding("a", { scope: { family: "ipv6" }, since: "2026-11-23T16:00:00.000Z" }),
  ]);
  expect(series).toEqual([
    {
      labels: { code: "IN-NODE-LOSS", subject: "a", network: "", protocol: "" },
      confidence: 0.9,
      startSeconds: Date.parse("2026-11-23T16:00:00Z") / 1_000,
    },
  ]);
});
