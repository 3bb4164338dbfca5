// Objects of a cluster as a test has them: those recorded from real CNIs, or written down, and what is refused.
import { existsSync, readFileSync } from "node:fs";
import { ruleFor } from "../../agent/cli/cluster/connection.ts";
import type { Kind, Objects, Reading, Where } from "../../agent/cli/cluster/objects.ts";

interface Named {
  readonly apiVersion?: string;
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
}

export interface RecordedObjects extends Objects {
  /** By the plural of their kind; a kind that is not here is one that the cluster does not know. */
  readonly kinds: Map<string, Named[]>;
  /** What pods answer, by name. */
  readonly answers: Map<string, string>;
  /** Plurals that this user may not read. */
  readonly forbidden: Set<string>;
}

export function recordedObjects(kinds: Readonly<Record<string, readonly object[]>> = {}): RecordedObjects {
  const known = new Map(Object.entries(kinds).map(([plural, list]) => [plural, [...list] as Named[]]));
  const forbidden = new Set<string>();
  const answers = new Map<string, string>();
  const refused = ({ plural, group }: Kind, verb: string): Reading<never> | undefined => {
    if (forbidden.has(plural))
      return { kind: "forbidden", why: `${plural} is forbidden`, rule: ruleFor(plural, verb, group) };
    // Two groups may have a kind of the same plural; what is written down without its group is of any.
    const groups = new Set(
      (known.get(plural) ?? []).map(({ apiVersion }) => apiVersion?.split("/").at(-2) ?? (apiVersion ? "" : group)),
    );
    return known.has(plural) && (groups.size === 0 || groups.has(group))
      ? undefined
      : { kind: "absent", why: `HTTP 404 for ${plural}` };
  };
  const inNamespace = (plural: string, { namespace, labels }: Where) =>
    known.get(plural)!.filter(({ metadata }) => {
      if (namespace !== undefined && metadata?.namespace !== namespace) return false;
      return (labels?.split(",") ?? []).every((pair) => {
        const [, key, not, value] = /^([^=!]+)(!?)=(.*)$/.exec(pair)!;
        return (metadata?.labels?.[key!] === value) === (not === "");
      });
    });
  return {
    kinds: known,
    forbidden,
    answers,
    fromPod: ({ name }) => {
      const answer = answers.get(name);
      if (forbidden.has("pods/proxy"))
        return Promise.resolve({ kind: "forbidden", why: "no", rule: ruleFor("pods/proxy", "get") });
      return Promise.resolve(
        answer === undefined
          ? { kind: "failed", why: "error trying to reach service" }
          : { kind: "read", value: answer },
      );
    },
    list: <T>(kind: Kind, where: Where = {}): Promise<Reading<readonly T[]>> => {
      const found = known.has(kind.plural) ? (inNamespace(kind.plural, where) as unknown[]) : [];
      return Promise.resolve(refused(kind, "list") ?? { kind: "read", value: found as readonly T[] });
    },
    get: <T>(kind: Kind, name: string, where: Where = {}) => {
      const refusal = refused(kind, "get");
      if (refusal) return Promise.resolve(refusal);
      const found = inNamespace(kind.plural, where).find(({ metadata }) => metadata?.name === name);
      return Promise.resolve<Reading<T>>(
        found === undefined ? { kind: "absent", why: "HTTP 404" } : { kind: "read", value: found as T },
      );
    },
  };
}

/** What test/cluster/record.ts has recorded from a live cluster. */
export function recordedCluster(name: string): RecordedObjects {
  const folder = new URL(`../fixtures/cni/${name}/`, import.meta.url);
  return recordedObjects(
    Object.fromEntries(
      ["nodes", "daemonsets", "configmaps", "pods", "namespaces", "networkpolicies"].flatMap((plural) => {
        const file = new URL(`${plural}.json`, folder);
        if (!existsSync(file)) return [];
        return [[plural, (JSON.parse(readFileSync(file, "utf8")) as { readonly items: readonly object[] }).items]];
      }),
    ),
  );
}
