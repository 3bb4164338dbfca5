// What may be said on the command line, apart from vitest.

/** `repository:tag` or `repository@sha256:…`. */
export const IMAGE = /^(.+?)(?::([^:/@]+)|@(sha256:[0-9a-f]{64}))$/;
export const WHY_NOT_FOREIGN = "needs a cluster of its own, which it may break";
