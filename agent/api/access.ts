// Who may read what. Other pods get the four paths that kubelet and peers need; everything else is for whoever
// comes through loopback (a port-forward, an exec) or an address the configuration names, and for a Host header
// that no foreign web page can bring (DNS rebinding makes a browser send its own name, never an address).
import type { NextFunction, Request, Response } from "express";
import { BlockList, isIP } from "node:net";

const OPEN_TO_PODS: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/api/v1/identity", "/api/v1/pairs"]);

export interface AccessOptions {
  /** CIDRs or addresses that may read everything, besides loopback. */
  readonly allowFrom: readonly string[];
  /** Named in the text that says how to get in. */
  readonly port: () => number;
}

export type Middleware = (req: Request, res: Response, next: NextFunction) => void;

export function accessControl({ allowFrom, port }: AccessOptions): Middleware {
  const trusted = addressList(["127.0.0.0/8", "::1/128", ...allowFrom]);
  return (req, res, next) => {
    const from = unmapped(req.socket.remoteAddress);
    const isTrusted = from !== undefined && trusted.check(from, isIP(from) === 6 ? "ipv6" : "ipv4");
    if (!isTrusted) {
      if (OPEN_TO_PODS.has(req.path)) next();
      else
        refuse(
          res,
          `${req.path} is only for this pod's loopback, and this request came from ${from ?? "an unknown address"}. Try: kubectl port-forward -n <namespace> <internode pod> ${port()}, then http://127.0.0.1:${port()}${req.path}`,
        );
    } else if (!isSafeHost(req.headers.host)) {
      refuse(
        res,
        `the Host header names neither localhost nor an address, which is what a web page that rebinds DNS would send. Try: http://127.0.0.1:${port()}${req.path}`,
      );
    } else if (req.headers["sec-fetch-site"] === "cross-site" && req.headers["sec-fetch-mode"] !== "navigate") {
      refuse(res, "another web site's page asked for this in your browser: open this page itself instead");
    } else next();
  };
}

/** Throws at start, naming the entry, rather than letting a typing error open or close the door. */
function addressList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", prefix, ...rest] = entry.split("/");
    const version = isIP(address);
    const bits = prefix === undefined ? (version === 6 ? 128 : 32) : Number(prefix);
    const isPrefix = prefix === undefined || (/^\d{1,3}$/.test(prefix) && bits <= (version === 6 ? 128 : 32));
    if (version === 0 || !isPrefix || rest.length > 0)
      throw new Error(`allowFrom: '${entry}' is not an address or CIDR; write for instance 10.0.0.0/8 or fd00::/8`);
    list.addSubnet(address, bits, version === 6 ? "ipv6" : "ipv4");
  }
  return list;
}

/** A dual-stack socket shows IPv4 as ::ffff:a.b.c.d. */
const unmapped = (address: string | undefined): string | undefined =>
  address?.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, "");

export function isSafeHost(host: string | undefined): boolean {
  if (host === undefined) return false;
  const name = host.replace(/:\d+$/, "").toLowerCase();
  if (name.startsWith("[")) return name.endsWith("]") && isIP(name.slice(1, -1)) === 6;
  return name === "localhost" || name.endsWith(".localhost") || isIP(name) === 4;
}

function refuse(res: Response, why: string): void {
  res.status(403).json({ error: why });
}
