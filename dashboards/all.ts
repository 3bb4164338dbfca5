// Every dashboard, by the name of its file.
import { type Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { agents } from "./agents.ts";
import { dns } from "./dns.ts";
import { mesh } from "./mesh.ts";
import { node } from "./node.ts";
import { pair } from "./pair.ts";
import { services } from "./services.ts";

export const dashboards: Readonly<Record<string, Dashboard>> = { mesh, pair, node, agents, dns, services };

/** Bytes of a dashboard's file. */
export const toJson = (dashboard: Dashboard): string => `${JSON.stringify(dashboard, null, 2)}\n`;
