// The licences of the packages that a bundle carries.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Folders of the packages of which something is inside. */
export function bundledPackages(root, { inputs }) {
  const folders = Object.keys(inputs).flatMap(
    (input) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? [],
  );
  return [...new Set(folders)].map((folder) => join(root, folder));
}

export function licences(folders) {
  const texts = folders.toSorted().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    return `${name} ${version} (${license ?? "see below"})\n\n${file ? readFileSync(join(folder, file), "utf8").trim() : "(no licence file in the package)"}\n`;
  });
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}
