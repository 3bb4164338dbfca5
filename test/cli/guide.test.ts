import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { guideSections, guideText, TOPIC_OF } from "../../agent/cli/guide/guide.ts";
import { markdownForTerminal } from "../../agent/cli/guide/terminal.ts";
import { opened } from "../../agent/cli/troubleshoot.ts";
import { judgeSnapshot } from "../../agent/diagnosis/judge-snapshot.ts";
import { sampleSnapshot } from "../support/sample-mesh.ts";

const SECTIONS = guideSections(guideText());
const topics = SECTIONS.map(({ topic }) => topic);

test("the guide covers what the toolkit's guide had", () =>
  expect(topics).toEqual(
    expect.arrayContaining([
      "pods-cannot-reach-each-other",
      "intermittent-loss-and-latency",
      "dns",
      "how-a-pod-gets-its-network",
      "from-one-node-to-another",
      "overlay-against-underlay",
      "tools",
      "performance-tuning",
    ]),
  ));

test("every code leads to a part that is there", () => {
  expect(Object.values(TOPIC_OF).filter((topic) => !topics.includes(topic))).toEqual([]);
});

test("a terminal gets no marks of Markdown, and no line beyond its width from tables", () => {
  for (const { text } of SECTIONS) {
    const shown = stripVTControlCharacters(markdownForTerminal(text, 100));
    expect(shown).not.toMatch(/^\||\*\*|```|\]\(/m);
  }
  expect(markdownForTerminal("| a | b |\n|---|---|\n| x | y |", 100)).toBe("a  b\nx  y");
  expect(markdownForTerminal("| a | b |\n|---|---|\n| x | yyyyyyyy |", 5)).toBe("x\n    b: yyyyyyyy");
});

test("it opens at what is wrong now, with what to run next", async () => {
  const snapshot = sampleSnapshot({ nodes: 4, zones: 2 });
  const calm = judgeSnapshot(snapshot);
  const finding = {
    code: "IN-DNS",
    next: "internode dns",
    text: "DNS lookups fail on node-1.",
  } as (typeof calm.findings)[number];
  const verdict = { ...calm, text: finding.text, findings: [finding] };
  const said = await opened(SECTIONS, { mesh: () => Promise.resolve({ snapshot, verdict, judged: "here" }) });
  expect(said).toMatch(
    /DNS lookups fail on node-1\.[^]*IN-DNS: internode dns[^]*Lookups that take 5 s[^]*internode troubleshoot tools/,
  );
  expect(said).not.toContain("Delay that grows before the loss");
});

test("without agents it says so and opens at its beginning", async () => {
  const said = await opened(SECTIONS, { mesh: () => Promise.resolve({ why: "nobody answers" }) });
  expect(said).toMatch(/could not be asked[^]*nobody answers[^]*Look at the matrix first/);
});
