// Why a connection to the API server came to nothing, and what helps: every failure of TLS has its own cure, since
// "certificate verify failed" has a dozen causes and each is somebody else's to fix.
import { X509Certificate } from "node:crypto";

/** What happened, in words, without what OpenSSL and Node.js say to their own developers. */
export function reasonOf(err: Error): string {
  const cause = innermost(err) as NodeJS.ErrnoException & { readonly reason?: string };
  const message = (cause.reason ?? cause.message).split("; if the root CA")[0]!;
  return cause.code === undefined || message.includes(cause.code) ? message : `${message} (${cause.code})`;
}

export const codeOf = (err: Error): string | undefined => (innermost(err) as NodeJS.ErrnoException).code;

/** A sentence or two; empty where the reason says it all. */
export function connectionCure(err: Error): string {
  const code = codeOf(err) ?? "";
  if (code === "ECONNRESET" && /before secure TLS connection/.test(innermost(err).message)) return BEFORE_TLS;
  return CURES.find(([pattern]) => pattern.test(code))?.[1]() ?? "";
}

/** undici wraps causes; the innermost says what happened. Of several addresses that were tried the first speaks. */
function innermost(err: Error): Error {
  if (err.cause instanceof Error) return innermost(err.cause);
  const [first] = err instanceof AggregateError ? (err.errors as unknown[]) : [];
  return first instanceof Error ? innermost(first) : err;
}

const clock = (): string => new Date().toISOString();

const BEFORE_TLS =
  "What answers there hung up when TLS began: it speaks none, it does not accept this client's certificate, or a firewall or proxy in between cut the connection.";

const CURES: readonly (readonly [code: RegExp, cure: () => string])[] = [
  [
    /^CERT_HAS_EXPIRED$/,
    () =>
      `The certificate of the API server, or of an authority above it, is no longer valid: renew it (kubeadm: \`kubeadm certs renew all\`), or set the clock of this node, which says ${clock()}.`,
  ],
  [
    /^CERT_NOT_YET_VALID$/,
    () =>
      `The certificate begins later than now: set the clock of this node, which says ${clock()}, or of the one that made the certificate.`,
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    () =>
      "The server's certificate is for other names than the address it is reached at: add this address to it (kubeadm: apiServer.certSANs), or reach the server at a name it has (the kubeconfig's `server`).",
  ],
  [
    /^(INVALID_PURPOSE|INVALID_CA|PATH_LENGTH_EXCEEDED)$/,
    () =>
      "The certificate is not made for this: a server needs extendedKeyUsage serverAuth, an authority above it CA:TRUE. Give the API server one that is.",
  ],
  [
    /^DEPTH_ZERO_SELF_SIGNED_CERT$/,
    () =>
      "The server's certificate is signed by nobody but itself: something else than your API server answers at this address, or ca.crt (or the kubeconfig) must have that very certificate.",
  ],
  [
    /^SELF_SIGNED_CERT_IN_CHAIN$/,
    () =>
      "The server sends an authority that is not the one in ca.crt (or the kubeconfig): something else answers at this address, such as a proxy that opens TLS, or the cluster's authority was replaced and ca.crt is still the old one.",
  ],
  [
    /^(UNABLE_TO_GET_ISSUER_CERT_LOCALLY|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT|CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED|CERT_REJECTED)$/,
    () =>
      "The server's certificate is not of the authority in ca.crt (or the kubeconfig): something else answers at this address, the authority was replaced, or the server does not send the intermediate certificates between the two.",
  ],
  [
    /ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_|UNKNOWN_CA|ACCESS_DENIED)/,
    () =>
      "The server refuses this client's certificate, or wants one: with a kubeconfig renew client-certificate and client-key; a pod has none, so something in front of the API server asks for it.",
  ],
  [
    /ALERT_HANDSHAKE_FAILURE/,
    () =>
      "The server ended the handshake: it wants a client certificate (a pod has none, a kubeconfig may), or it has no cipher in common with this agent.",
  ],
  [
    /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/,
    () => "The server speaks no TLS of version 1.2 or newer: raise its --tls-min-version.",
  ],
  [
    /^(ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNKNOWN_PROTOCOL|RECORD_LAYER_FAILURE)|EPROTO)$/,
    () => "What answers there does not speak TLS (plain HTTP, perhaps): correct the port of the API server's address.",
  ],
  [
    /^(UND_ERR_SOCKET|EPIPE)$/,
    () =>
      "The server closed the connection without an answer: it is restarting, or it wants a client certificate, which a pod has not.",
  ],
  [
    /^ECONNREFUSED$/,
    () => "Nothing listens there: the API server is down, or no endpoint is behind the Service's address (kube-proxy).",
  ],
  [
    /^(ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/,
    () =>
      "Nothing answers there: a NetworkPolicy or firewall drops what leaves this pod, or the way to the API server is broken.",
  ],
  [/^(EHOSTUNREACH|ENETUNREACH)$/, () => "This pod has no way there: look at its routes and the CNI of this node."],
  [/^(ENOTFOUND|EAI_AGAIN)$/, () => "The server's name does not resolve: correct it, or look at DNS."],
  [
    /^UND_ERR_(HEADERS|BODY)_TIMEOUT$/,
    () => "It took the connection and said nothing: the API server is overloaded or stands still.",
  ],
];

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** What is wrong with a file of authorities, so that no certificate can be right; undefined when one may be. */
export function authorityFault(pem: string): string | undefined {
  const texts = pem.match(PEM) ?? [];
  if (texts.length === 0) return "it holds no certificate in PEM form";
  const certificates = texts.flatMap((text) => certificateOf(text) ?? []);
  if (certificates.length === 0) return "no certificate in it can be read";
  const isOver = (certificate: X509Certificate): boolean => certificate.validToDate.getTime() < Date.now();
  if (!certificates.every(isOver)) return undefined;
  const [{ subject, validTo }] = certificates as [X509Certificate];
  return `the authority in it (${subject.replaceAll("\n", ", ")}) was valid until ${validTo}, and the clock of this node says ${clock()}`;
}

function certificateOf(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
