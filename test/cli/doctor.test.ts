import { stripVTControlCharacters } from "node:util";
import { afterEach, describe, expect, test, vi } from "vitest";
import { reportOf } from "../../agent/cli/doctor.ts";
import { sureness } from "../../agent/diagnosis/notes/summary.ts";
import { doctorMarkdown, doctorShort, doctorText, lasted } from "../../agent/cli/doctor-report.ts";
import { CHECKS } from "../../agent/diagnosis/checkup.ts";
import { evidenceFromSnapshot } from "../../agent/diagnosis/evidence/from-snapshot.ts";
import { judgeSnapshot } from "../../agent/diagnosis/judge-snapshot.ts";
import { Judge } from "../../agent/diagnosis/judge.ts";
import { FINDING_CODES } from "../../agent/model/finding.ts";
import { startAgent } from "../api/api-mesh.ts";
import { printedBy } from "../support/run-command.ts";
import { HOSTILE, OBEYED } from "../support/hostile.ts";
import { sampleNodes, sampleSnapshot, type SampleMesh } from "../support/sample-mesh.ts";

const DEAD: SampleMesh = { nodes: 6, zones: 2, dead: { "node-6": "no answer from 10.244.6.2:8843" } };
const here = (mesh: SampleMesh) => {
  const snapshot = sampleSnapshot(mesh);
  return reportOf({ snapshot, verdict: judgeSnapshot(snapshot), judged: "here" });
};
const plain = stripVTControlCharacters;

test("where no judge answers it judges the last minute itself, and says so", () => {
  const text = plain(doctorText(here(DEAD)));
  expect(text.split("\n")[0]).toBe("Node node-6 is gone: nothing gets through to it, and its agent does not report.");
  expect(text).toMatch(/✘ +Nodes +Node node-6 is gone/);
  expect(text).toMatch(/1\. IN-NODE-DOWN {2}Node node-6/);
  expect(text).toMatch(/most likely +\S/);
  expect(text).toMatch(/next +kubectl describe node node-6/);
  expect(text).toMatch(/page +docs\/findings\.md#in-node-down \(internode explain IN-NODE-DOWN\)/);
  expect(text).toContain("node-6: no answer from 10.244.6.2:8843");
  expect(text).toContain("Judged here, from the last minute of 5 of 6 rows");
});

test("nothing is wrong says what was looked at, and what cannot be seen", () => {
  const text = plain(doctorText(here({ nodes: 6, zones: 2 })));
  expect(text).toMatch(/^Nothing is wrong between 6 nodes/);
  expect(text).toMatch(/✔ +Path MTU +30 ordered pairs/);
  expect(text).toContain("docs/detection.md");
  expect(text).toContain("Not looked at: routes");
  expect(text).not.toContain("✘");
});

test("a judge's own words are shown as they are, with who said them", () => {
  const snapshot = sampleSnapshot(DEAD);
  const judge = new Judge();
  judge.judge(evidenceFromSnapshot(snapshot));
  const verdict = judge.judge(evidenceFromSnapshot({ ...snapshot, at: "2026-11-23T19:33:20.000Z" }));
  const report = reportOf({ snapshot, verdict, judged: "judge" });
  expect(report.judged).toBe("judge");
  expect(plain(doctorText(report))).toContain("Judged by the agent of node-1 at 2026-11-23 19:33:20 UTC");
});

test("an agent that judged alone, as no judge answered, is not taken for one that watches", () => {
  const snapshot = sampleSnapshot(DEAD);
  const alone = "no judge answers (asked: node-2); node-1 judged by itself";
  const verdict = { ...judgeSnapshot(snapshot), alone };
  expect(plain(doctorText(reportOf({ snapshot, verdict, judged: "judge" })))).toContain(
    `Judged by the agent of node-1 alone at 2026-11-23 19:30:00 UTC: ${alone}; 5 of 6 rows are here.`,
  );
});

test("short is one line a finding", () => {
  const [headline, ...lines] = doctorShort(here(DEAD)).split("\n");
  expect(headline).toMatch(/^Node node-6 is gone/);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^IN-NODE-DOWN node-6, \d+ s, .*sure: \S/);
});

test("short names the members of a group, which have no name of their own", () => {
  const report = here(DEAD);
  const subject = { kind: "group", id: "3966f622", nodes: ["node-1", "node-6"] } as const;
  const [first] = report.verdict.findings;
  const text = doctorShort({ ...report, verdict: { ...report.verdict, findings: [{ ...first!, subject }] } });
  expect(text).toContain("\nIN-NODE-DOWN node-1 and node-6, ");
});

test.each([
  ["2026-11-27T10:00:00Z", "2026-11-27T10:00:30Z", "30 s"],
  ["2026-11-27T10:00:00Z", "2026-11-27T10:03:20Z", "3 min"],
  ["2026-11-27T10:00:00Z", "2026-11-27T13:00:00Z", "3 h"],
  ["2026-11-20T10:00:00Z", "2026-11-27T10:00:00Z", "7 days"],
  // Clocks of two machines.
  ["2026-11-27T10:00:01Z", "2026-11-27T10:00:00Z", "0 s"],
])("from %s to %s is %s", (since, at, text) => {
  expect(lasted(since, at)).toBe(text);
});

test("it is as sure as the page is, in the same words", () => {
  const report = here({ nodes: 5, zones: 1, dead: { "node-5": "gone" } });
  const [finding] = report.verdict.findings;
  for (const text of [doctorText(report), doctorShort(report), doctorMarkdown(report)])
    expect(text).toContain(sureness(finding!.confidence));
});

test("where nothing is wrong it says what would have been seen, in a mesh of this size", () => {
  const report = here({ nodes: 5, zones: 1, udp: true });
  for (const text of [doctorText(report), doctorMarkdown(report).replaceAll("\\\\", "")])
    expect(text).toContain(
      "a node that loses about 1.4% of its packets is seen within a minute; what loses less may go unseen",
    );
});

describe("text from peers", () => {
  test.each(Object.entries(HOSTILE))("%s reaches no screen and no ticket as it is", (_, name) => {
    const names = ["node-1", "node-2", "node-3", name];
    const report = here({ nodes: 4, zones: 1, names, dead: { [name]: name } });
    expect(report.verdict.findings.length).toBeGreaterThan(0);
    for (const text of [plain(doctorText(report)), doctorShort(report), doctorMarkdown(report)])
      for (const line of text.split("\n")) expect(line).not.toMatch(OBEYED);
    // Outside of code spans, where nothing is markup.
    expect(doctorMarkdown(report).replaceAll(/(`+)(?!`).*?(?<!`)\1(?!`)/g, "")).not.toMatch(/(?<!\\)<script/);
  });
});

describe("as a command", () => {
  afterEach(() => vi.restoreAllMocks());

  test("it asks a real agent, prints JSON with a version, and exits 0 when nothing is broken, whatever is printed", async () => {
    const agent = await startAgent({ nodes: 2, zones: 1 }, sampleNodes({ nodes: 2, zones: 1 })[0]!, "127.0.0.1", {
      deadlineMs: 300,
    });
    await using opened = new AsyncDisposableStack();
    opened.use(agent.api);
    const { code, out } = await printedBy("doctor", "--url", agent.url, "-o", "json");
    const report = JSON.parse(out) as { schemaVersion: number; verdict: { state: string }; checks: unknown[] };
    expect(report).toMatchObject({ schemaVersion: 1, judged: "judge", verdict: { state: "fine" } });
    expect(report.checks).toHaveLength(CHECKS.length);
    expect(code).toBe(0);
    expect((await printedBy("doctor", "--url", agent.url, "--short")).code).toBe(0);
  });

  test.each(["json", "markdown"])("--short with -o %s is refused, with the cure", async (output) => {
    const { code, out, err } = await printedBy("doctor", "--url", "http://127.0.0.1:9", "--short", "-o", output);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(`'-o ${output}' prints all of it: leave out one of them`);
  });

  test("without an agent it says so in one sentence and exits 1", async () => {
    const { code, out, err } = await printedBy("doctor", "--url", "http://127.0.0.1:9");
    expect(code).toBe(1);
    expect(out).toBe("");
    expect(err).toMatch(
      /^internode doctor: no agent answers at http:\/\/127\.0\.0\.1:9 \(connect ECONNREFUSED 127\.0\.0\.1:9\)\. Start/,
    );
  });

  test("explain knows every code, with or without IN-, in any case; another is bad usage", async () => {
    for (const code of FINDING_CODES) expect((await printedBy("explain", code)).out).toContain(code);
    expect((await printedBy("explain", "node-loss")).out).toContain(
      "IN-NODE-LOSS: A node loses packets with all others.",
    );
    expect((await printedBy("explain")).out.split("\n")).toHaveLength(FINDING_CODES.length);
    const { code, err } = await printedBy("explain", "IN-NOTHING");
    expect(code).toBe(2);
    expect(err).toContain("there is no code 'IN-NOTHING'; there are IN-NODE-DOWN,");
  });
});
