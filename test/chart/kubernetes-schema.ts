// What Kubernetes' own kinds may hold, by the types of its client library: unknown fields and wrong types are found
// without a cluster. Required fields and values are an API server's business (test/e2e).
import * as kubernetes from "@kubernetes/client-node";
import type { Manifest } from "./kinds.ts";

interface Attribute {
  readonly baseName: string;
  readonly type: string;
}
interface Model {
  getAttributeTypeMap(): readonly Attribute[];
}

const modelOf = (name: string): Model | undefined => (kubernetes as unknown as Readonly<Record<string, Model>>)[name];

/** Whether this is a kind of Kubernetes itself, and no custom resource. */
export const isKnownKind = ({ apiVersion, kind }: Manifest): boolean =>
  /^(v1|apps\/v1|[a-z.]+\.k8s\.io\/v1)$/.test(apiVersion) && modelOf(`V1${kind}`) !== undefined;

/** Fields that do not exist, and values of another type than theirs, by path. */
export function schemaFaults(manifest: Manifest): string[] {
  const faults: string[] = [];

  const visit = (path: string, type: string, value: unknown): void => {
    const list = /^Array<(.+)>$/.exec(type)?.[1];
    const map = /^\{ \[key: string\]: (.+); \}$/.exec(type)?.[1];
    if (list !== undefined) {
      if (!Array.isArray(value)) faults.push(`${path}: no list`);
      else value.forEach((item, i) => visit(`${path}[${i}]`, list, item));
    } else if (type === "string" && typeof value === "number" && /\.(limits|requests)\.\w+$/.test(path)) {
      return; // quantities may be numbers
    } else if (type === "string" || type === "number" || type === "boolean") {
      if (typeof value !== type) faults.push(`${path}: ${typeof value}, not ${type}`);
    } else if (type === "IntOrString") {
      if (typeof value !== "string" && typeof value !== "number") faults.push(`${path}: ${typeof value}`);
    } else if (typeof value !== "object" || value === null || Array.isArray(value)) {
      faults.push(`${path}: no object`);
    } else if (map !== undefined) {
      for (const [key, item] of Object.entries(value)) visit(`${path}.${key}`, map, item);
    } else {
      const attributes = modelOf(type)!.getAttributeTypeMap();
      for (const [key, item] of Object.entries(value)) {
        const attribute = attributes.find(({ baseName }) => baseName === key);
        if (attribute === undefined) faults.push(`${path}.${key}: no such field`);
        else visit(`${path}.${key}`, attribute.type, item);
      }
    }
  };

  visit(manifest.kind, `V1${manifest.kind}`, manifest);
  return faults;
}
