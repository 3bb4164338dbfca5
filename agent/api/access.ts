// Who may read what. Other pods get the four paths that kubelet and peers need; everything else is for whoever
// comes through loopback (a port-forward, an exec) or an address the configuration names, and for a Host header
// that no foreign web page can bring (DNS rebinding makes a browser send its own name, never an address).
import type { NextFunction, Request, Response } from "express";
import { ipRanges, parseIp, unmapped } from "../base/ip.ts";

const OPEN_TO_PODS: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/api/v1/identity", "/api/v1/pairs"]);

export interface AccessOptions {
  /** CIDRs or addresses that may read everything, besides loopback. */
  readonly allowFrom: readonly string[];
  /** Named in the text that says how to get in. */
  readonly port: () => number;
}

export type Middleware = (req: Request, res: Response, next: NextFunction) => void;

export function accessControl({ allowFrom, port }: AccessOptions): Middleware {
  const isTrustedAddress = trustedRanges(["127.0.0.0/8", "::1/128", ...allowFrom]);
  return (req, res, next) => {
    const from = addressOf(req.socket.remoteAddress);
    const isTrusted = from !== undefined && isTrustedAddress(from);
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
function trustedRanges(entries: readonly string[]): (address: string) => boolean {
  try {
    return ipRanges(entries);
  } catch (err) {
    throw new Error(`allowFrom: ${(err as RangeError).message}`, { cause: err });
  }
}

/** Without the interface that a link-local address comes with. */
function addressOf(remote: string | undefined): string | undefined {
  const ip = remote === undefined ? undefined : parseIp(remote.replace(/%.*$/, ""));
  return ip && unmapped(ip).text;
}

export function isSafeHost(host: string | undefined): boolean {
  if (host === undefined) return false;
  const name = host.replace(/:\d+$/, "").toLowerCase();
  if (name.startsWith("[")) return name.endsWith("]") && parseIp(name.slice(1, -1))?.family === "ipv6";
  return name === "localhost" || name.endsWith(".localhost") || parseIp(name)?.family === "ipv4";
}

function refuse(res: Response, why: string): void {
  res.status(403).json({ error: why });
}
