/** As Debian and images name it. */
export type Architecture = "amd64" | "arm64";

/** As Node.js names it. */
export const NODE_ARCH = { amd64: "x64", arm64: "arm64" } as const satisfies Readonly<Record<Architecture, string>>;
export const OWN_ARCHITECTURE: Architecture = process.arch === "arm64" ? "arm64" : "amd64";
