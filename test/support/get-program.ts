// A GET from inside a network namespace: the program to run there, as it stands after the words that enter it.
import type { Lab } from "../../lab/lab.ts";

// Patient: side by side with other suites a machine may leave a query waiting. What is promised in time is asserted.
const SOURCE = `fetch(process.argv[1], { signal: AbortSignal.timeout(60_000) }).then(async (answer) => {
  const text = await answer.text();
  if (!answer.ok) throw new Error(answer.status + " " + text);
  process.stdout.write(text);
})`;

/** Prints the body; ends with an error when there is none, or its status is one. */
export function getProgram(url: string): readonly [string, ...string[]] {
  return [process.execPath, "-e", SOURCE, url];
}

/** The body, as a lab's node gets it in its pod. */
export function getInPod(lab: Lab, node: string, url: string): Promise<string> {
  const [program, ...words] = getProgram(url);
  return lab.run(node, program, words);
}
