// What the agent's image is called: where it is built, in the chart's default, and where a release is published.

/**
 * The chart's default repository. A plain name, since no registry has the image yet: Kubernetes reads it as
 * docker.io/library/internode, which no stranger can take. Whoever publishes puts the published name here.
 */
export const REPOSITORY = "internode";

/** What the chart says of its default. */
export const REPOSITORY_SAYS = REPOSITORY.includes("/")
  ? "Image of the agent, without tag."
  : `Image of the agent, without tag. No registry has it: \`${REPOSITORY}\` is what \`npm run image\` and \`docker build\` make. Load it into the nodes, or name the repository that you pushed it to.`;

/** As container runtimes write it out. */
export function fullName(version: string): string {
  return `${REPOSITORY.includes("/") ? "" : "docker.io/library/"}${REPOSITORY}:${version}`;
}
