// Nothing of ours stays behind, and this verifies it: no command here makes pods. What the chart's test or `kubectl
// debug` has left is named, with the line that removes it.
import type { V1Pod } from "@kubernetes/client-node";
import { counted } from "../base/format.ts";
import { KINDS, whyNot } from "./cluster/objects.ts";
import { reportCommand } from "./report-command.ts";
import { items, text, type Report } from "./report/report.ts";
import { isUnreached, type Sources } from "./sources.ts";

const MORE = `
No command of internode makes test pods, namespaces or rules, so there is nothing to remove. This looks whether that is
so: pods of ours that no DaemonSet owns (the chart's test), and pods that 'kubectl debug node' has left. It removes
nothing; it prints the line that does.

Exit: 0 nothing was left, 1 something was or it could not be looked for, 2 bad usage.`;

export async function makeCleanup(sources: Sources): Promise<Report> {
  const objects = await sources.objects();
  if (isUnreached(objects)) return unseen(objects.why);
  const pods = await objects.list<V1Pod>(KINDS.pods);
  if (pods.kind !== "read") return unseen(`pods were not seen: ${whyNot(pods)}`);
  const left = pods.value.flatMap((pod) => {
    const what = leftover(pod);
    return what === undefined
      ? []
      : [{ namespace: pod.metadata?.namespace ?? "", name: pod.metadata?.name ?? "", what }];
  });
  return {
    title: "cleanup",
    headline:
      left.length === 0
        ? `Nothing was left: ${counted(pods.value.length, "pod")} looked at, and no command of internode makes any.`
        : `${counted(left.length, "pod")} left over.`,
    isFault: left.length > 0,
    sections:
      left.length === 0
        ? []
        : [
            {
              title: "Left over",
              blocks: [
                items(
                  left.map(({ namespace, name, what }) => ({
                    mark: "broken",
                    text: `${namespace}/${name}: ${what}`,
                    details: [`kubectl -n ${namespace} delete pod ${name}`],
                  })),
                ),
                text("They are not removed here: somebody may still use them."),
              ],
            },
          ],
    data: { left, looked: pods.value.length },
  };
}

function leftover({ metadata }: V1Pod): string | undefined {
  const labels = metadata?.labels ?? {};
  const isOurs = labels["app.kubernetes.io/name"] === "internode";
  if (isOurs && !metadata?.ownerReferences?.some(({ kind }) => kind === "DaemonSet")) return "a test pod of the chart";
  if (metadata?.name?.startsWith("node-debugger-")) return "a pod of 'kubectl debug node'";
  return undefined;
}

const unseen = (why: string): Report => ({
  title: "cleanup",
  headline: `It could not be looked whether something was left: ${why}`,
  isFault: true,
  sections: [],
  data: { left: null, why },
});

export const command = reportCommand({ more: MORE, make: makeCleanup });
