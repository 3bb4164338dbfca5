// `node scripts/release/digest.ts --image REPOSITORY:TAG --digest sha256:…`: writes what was published into
// the chart for Artifact Hub, and prints the values that pin it, for the release's notes.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

export interface Published {
  /** With its tag. */
  readonly image: string;
  readonly digest: string;
}

/** Chart.yaml with the image named by its digest. */
export function withImage(chart: string, { image, digest }: Published): string {
  if (chart.includes("artifacthub.io/images")) throw new Error("Chart.yaml names images already");
  const platforms = "platforms: [linux/amd64, linux/arm64]";
  const entry = `    - name: internode\n      image: ${image}@${digest}\n      ${platforms}\n`;
  return chart.replace(/^annotations:\n/m, (line) => `${line}  artifacthub.io/images: |\n${entry}`);
}

export function notes({ image, digest }: Published): string {
  const repository = image.replace(/:[^:/]+$/, "");
  return `Image, for amd64 and arm64, signed:

\`\`\`
${image}@${digest}
\`\`\`

Values that pin it:

\`\`\`yaml
image:
  repository: ${repository}
  digest: ${digest}
\`\`\`
`;
}

if (import.meta.main) {
  const { image, digest } = parseArgs({ options: { image: { type: "string" }, digest: { type: "string" } } }).values;
  if (image === undefined || !/^sha256:[0-9a-f]{64}$/.test(digest ?? "")) throw new Error("wants --image and --digest");
  const file = fileURLToPath(new URL("../../chart/Chart.yaml", import.meta.url));
  writeFileSync(file, withImage(readFileSync(file, "utf8"), { image, digest: digest! }));
  process.stdout.write(notes({ image, digest: digest! }));
}
