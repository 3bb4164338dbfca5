// Whether the packages of a checkout are those that its package.json asks for. Plain JavaScript without a dependency: it
// runs where nothing is installed.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What is missing or of another version, in words; empty when all is as it should be. */
export function outdatedPackages(root) {
  const { dependencies = {} } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return Object.entries(dependencies).flatMap(([name, wanted]) => {
    const file = join(root, "node_modules", name, "package.json");
    if (!existsSync(file)) return [`${name} is missing`];
    const { version } = JSON.parse(readFileSync(file, "utf8"));
    return version === wanted ? [] : [`${name} is ${version} and should be ${wanted}`];
  });
}
