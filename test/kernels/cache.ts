import { homedir } from "node:os";
import { join } from "node:path";

/** Of what was fetched for emulated machines. */
export const CACHE = process.env["INTERNODE_KERNELS"] ?? join(homedir(), ".cache/internode/kernels");
