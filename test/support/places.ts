// Places that people start in, as words in front of a command: less than root on a machine of one's own.
import { refusalOf } from "../../lab/rights.ts";

/** As Docker starts a container, as far as network namespaces go. */
export const WITHOUT_ADMIN = ["setpriv", "--bounding-set=-sys_admin,-net_admin", "--inh-caps=-sys_admin,-net_admin"];

export const AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/**
 * No capability at all, and the kernel refuses user namespaces: the limit is each user namespace's own, so that in one
 * of its own it can be set without touching the machine's.
 */
const NO_USER_NAMESPACES = 'echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-all "$@"';
export const WITHOUT_NAMESPACES = ["unshare", "--user", "--map-root-user", "sh", "-ec", NO_USER_NAMESPACES, "sh"];

/** These programs are nowhere: in a mount namespace where something else lies over them. */
export function without(...programs: readonly string[]): readonly string[] {
  const hide = `for path in $(command -v ${programs.join("; command -v ")}); do mount --bind /dev/null "$(readlink -f "$path")"; done`;
  return ["unshare", "--mount", "sh", "-c", `PATH=$PATH:/usr/sbin:/sbin; ${hide}; exec "$@"`, "sh"];
}

/** Somebody who may not make network namespaces outside of a user namespace: another user, or we with less. */
export async function asOrdinaryUser(): Promise<readonly string[]> {
  if (!(await refusalOf("other users"))) return AS_NOBODY;
  return (await refusalOf("fewer capabilities")) ? [] : WITHOUT_ADMIN;
}
