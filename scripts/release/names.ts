// `node scripts/release/names.ts --repository OWNER/NAME --image REPOSITORY`: fails unless every file that a
// release publishes names this repository and this image: a reader who follows another name gets a stranger's.
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { load } from "js-yaml";

export interface Names {
  /** `owner/name` on the forge. */
  readonly repository: string;
  /** Without tag. */
  readonly image: string;
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** All that a release publishes, or that what it publishes is made from. */
const PUBLISHED =
  "{README.md,CONTRIBUTING.md,SECURITY.md,Dockerfile,package.json,{.github/ISSUE_TEMPLATE,agent,bin,chart,dashboards,docs,lab,scripts}/**/*.*}";
const IS_NO_TEXT = /\.(png|svg|ico|gz)$/;
const OURS =
  /(?:github|raw\.githubusercontent)\.com\/([\w-]+)(?:\/(internode)(?![\w-]))?|(ghcr\.io\/[\w./-]*internode)/g;
const LABELS = ["source", "documentation"].map((label) => `org.opencontainers.image.${label}`);

/** A line for each name that is another one, or missing. Path → text of every published file. */
export function disagreements(files: ReadonlyMap<string, string>, { repository, image }: Names): readonly string[] {
  const [owner] = repository.split("/");
  const charts = `${dirname(image)}/charts/internode`;
  const faults: string[] = [];
  for (const [path, text] of files) {
    const wrong = new Set<string>();
    // Regular expressions in templates name it with their dots escaped.
    for (const [, found, name, registry] of text.replaceAll("\\", "").matchAll(OURS)) {
      if (registry !== undefined && ![image, charts].includes(registry)) wrong.add(`${registry}, not ${image}`);
      if (name !== undefined && `${found}/${name}` !== repository) wrong.add(`${found}/${name}, not ${repository}`);
      if (name === undefined && found === "internode" && found !== owner) wrong.add(`the owner ${found}, not ${owner}`);
    }
    // Commands that a reader types.
    for (const [, found] of text.matchAll(/^OWNER=([\w-]+)/gm))
      if (found !== owner) wrong.add(`the owner ${found}, not ${owner}`);
    faults.push(...[...wrong].map((what) => `${path} names ${what}`));
  }
  const { repository: used } = (load(files.get("chart/values.yaml") ?? "{}") as { image?: { repository?: string } })
    .image ?? { repository: undefined };
  if (used !== image)
    faults.push(
      `chart/values.yaml has the image ${used ?? "of no repository"}, and ${image} is published: put it into scripts/image/name.ts, and run node scripts/generate-values-schema.ts`,
    );
  const dockerfile = files.get("Dockerfile") ?? "";
  for (const label of LABELS)
    if (!dockerfile.includes(`${label}="https://github.com/${repository}`))
      faults.push(`Dockerfile has no label ${label} that begins with https://github.com/${repository}`);
  return faults;
}

export function publishedFiles(): ReadonlyMap<string, string> {
  const paths = globSync(PUBLISHED, { cwd: ROOT }).filter((path) => !IS_NO_TEXT.test(path));
  return new Map(paths.sort().map((path) => [path, readFileSync(join(ROOT, path), "utf8")]));
}

if (import.meta.main) {
  const { repository, image } = parseArgs({
    options: { repository: { type: "string" }, image: { type: "string" } },
  }).values;
  if (repository === undefined || image === undefined) throw new Error("wants --repository and --image");
  const faults = disagreements(publishedFiles(), { repository, image });
  for (const fault of faults) console.error(`names: ${fault}`);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
