// The guide in the terminal, opened where the current findings lead.
import { styleText } from "node:util";
import { Option } from "commander";
import { forLog, forText } from "../base/escape.ts";
import type { Finding } from "../model/finding.ts";
import { EXIT, UsageError, type Command } from "./command.ts";
import { guideSections, guideText, TOPIC_OF, type GuideSection } from "./guide/guide.ts";
import { markdownForTerminal } from "./guide/terminal.ts";
import { declareReach, readReach } from "./reach.ts";
import { isUnreached, sourcesOf, type Sources } from "./sources.ts";

const MORE = `
The guide of docs/troubleshooting.md. Without a topic it asks the agents, says what they find wrong, and prints the parts
that this leads to. With a topic it asks nobody.

Examples:
  internode troubleshoot
  internode troubleshoot topics
  internode troubleshoot dns
  internode troubleshoot all | less -R
  internode troubleshoot -o json | jq '.parts[].topic'

Exit: 0 the guide was printed, 2 bad usage.`;

export const command: Command = {
  declare: (parser) =>
    void declareReach(parser)
      .addOption(new Option("-o, --output <FORMAT>", "how to print it").choices(["text", "json"]).default("text"))
      .argument("[TOPIC]", "a part of the guide; 'topics' lists them, 'all' prints the whole guide")
      .addHelpText("after", MORE),
  async run(typed, signal) {
    const sections = guideSections(guideText());
    const [topic] = typed.args;
    if (typed.options["output"] === "json")
      console.log(await asJson(sections, topic, sourcesOf(readReach(typed), signal)));
    else if (topic === "topics") console.log(topicList(sections));
    else if (topic !== undefined) console.log(shown(chosen(sections, topic)));
    else console.log(await opened(sections, sourcesOf(readReach(typed), signal)));
    return EXIT.fine;
  },
};

/** The parts that are asked for, or that the findings lead to; which findings, where the agents were asked. */
async function asJson(
  sections: readonly GuideSection[],
  topic: string | undefined,
  sources: Pick<Sources, "mesh">,
): Promise<string> {
  const document = (parts: readonly GuideSection[], more: object = {}) =>
    forLog(JSON.stringify({ schemaVersion: 1, ...more, parts }, null, 2));
  if (topic === "topics") return document(sections);
  if (topic !== undefined) return document(chosen(sections, topic));
  const mesh = await sources.mesh();
  if (isUnreached(mesh))
    return document(sections.slice(0, 1), { headline: `The agents could not be asked: ${mesh.why}` });
  const { findings, text } = mesh.verdict;
  return document(partsFor(sections, findings), {
    headline: text,
    findings: findings.map(({ code, text: words, next }) => ({ code, text: words, next })),
  });
}

function partsFor(sections: readonly GuideSection[], findings: readonly Finding[]): readonly GuideSection[] {
  const topics = new Set(findings.map(({ code }) => TOPIC_OF[code]));
  return sections.filter(({ topic }) => topics.has(topic));
}

/** Throws UsageError. */
function chosen(sections: readonly GuideSection[], typed: string): readonly GuideSection[] {
  if (typed === "all") return sections;
  const wanted = typed.toLowerCase().replaceAll(" ", "-");
  const found = sections.filter(({ topic }) => topic === wanted);
  const like = found.length > 0 ? found : sections.filter(({ topic }) => topic.includes(wanted));
  if (like.length > 0) return like;
  throw new UsageError(
    `the guide has no part '${forText(typed)}'; it has ${sections.map(({ topic }) => topic).join(", ")}`,
  );
}

export async function opened(sections: readonly GuideSection[], sources: Pick<Sources, "mesh">): Promise<string> {
  const mesh = await sources.mesh();
  if (isUnreached(mesh))
    return [
      `${styleText("bold", "The agents could not be asked")}, so the guide opens at its beginning: ${forText(mesh.why)}`,
      shown(sections.slice(0, 1)),
      topicList(sections),
    ].join("\n\n");
  const { findings, text } = mesh.verdict;
  const parts = partsFor(sections, findings);
  const lines = findings.map((finding) => `  ${finding.code}: ${forText(finding.next)}`);
  return [
    styleText("bold", forText(text)),
    ...(lines.length > 0 ? [["What to run next, by finding:", ...lines].join("\n")] : []),
    ...(parts.length > 0 ? [shown(parts)] : []),
    topicList(sections),
  ].join("\n\n");
}

const shown = (sections: readonly GuideSection[]): string =>
  sections
    .map(({ title, text }) =>
      markdownForTerminal(`## ${title}\n\n${text}`, process.stdout.isTTY ? process.stdout.columns : 120),
    )
    .join("\n\n");

const topicList = (sections: readonly GuideSection[]): string =>
  ["Parts of the guide:", ...sections.map(({ topic }) => `  internode troubleshoot ${topic}`)].join("\n");
