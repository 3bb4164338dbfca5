// `internode matrix` without --url asks the agent that it runs beside.
import { expect, test } from "vitest";
import { ownAgentUrl } from "../../agent/cli/own-agent.ts";

const IN_THE_POD = { INTERNODE_CONFIG: "c.json", NODE_NAME: "n", POD_NAMESPACE: "internode", POD_IPS: "10.0.0.1" };

function urlWith(config: object, env: Readonly<Record<string, string>> = IN_THE_POD): string {
  const discovery = { kind: "kubernetes", service: "internode" };
  return ownAgentUrl({ env, readFile: () => JSON.stringify({ discovery, ...config }) });
}

test("in a pod it is found by the configuration of that pod, another port included", () => {
  expect(urlWith({})).toBe("http://127.0.0.1:8843");
  expect(urlWith({ ports: { http: 18_843 } })).toBe("http://127.0.0.1:18843");
});

test("an agent that is not bound to loopback is asked where it is bound", () => {
  expect(urlWith({ listen: ["192.0.2.1", "127.0.0.1"] })).toBe("http://127.0.0.1:8843");
  expect(urlWith({ listen: ["0.0.0.0"] })).toBe("http://127.0.0.1:8843");
  expect(urlWith({ listen: ["::"] })).toBe("http://[::1]:8843");
  expect(urlWith({ listen: ["192.0.2.1"] })).toBe("http://192.0.2.1:8843");
  expect(urlWith({ listen: ["2001:db8::1"] })).toBe("http://[2001:db8::1]:8843");
});

test("outside of a pod, and beside a configuration that no agent runs with, the default is asked", () => {
  expect(urlWith({ ports: { http: 18_843 } }, {})).toBe("http://127.0.0.1:8843");
  expect(urlWith({ ports: { http: "many" } })).toBe("http://127.0.0.1:8843");
});
