// The proxy on the way to the API server, by the same variables as kubectl (Go's golang.org/x/net/http/httpproxy).
import { contains, parseCidr } from "../../base/cidr.ts";

/** Undefined where it is asked directly. Upper case goes before lower case. */
export function proxyFor(server: URL, env: NodeJS.ProcessEnv): string | undefined {
  const of = (name: string) => env[name] || env[name.toLowerCase()] || undefined;
  const proxy = of(server.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY");
  if (proxy === undefined || isDirect(server, of("NO_PROXY") ?? "")) return undefined;
  return proxy.includes("://") ? proxy : `http://${proxy}`;
}

const LOOPBACK = ["127.0.0.0/8", "::1/128"].map((text) => parseCidr(text)!);

function isDirect({ hostname, port, protocol }: URL, noProxy: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const address = parseCidr(host);
  const serverPort = port || (protocol === "https:" ? "443" : "80");
  if (host === "localhost" || LOOPBACK.some((range) => address && contains(range, address))) return true;
  return noProxy.split(",").some((entry) => {
    const word = entry.trim().toLowerCase();
    if (word === "*") return true;
    const range = parseCidr(word);
    if (range) return address !== undefined && contains(range, address);
    const [, name = "", only = serverPort] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(word) ?? [];
    if (name === "" || only !== serverPort) return false;
    // ".example.org" is what is below it, "example.org" itself too.
    const below = name.replace(/^\*?\./, "");
    return host.endsWith(`.${below}`) || host === name;
  });
}
