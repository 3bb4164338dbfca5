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

/** An ordinary user: nobody where we may become that, else who we are. */
export async function asOrdinaryUser(): Promise<readonly string[]> {
  return (await refusalOf("other users")) ? [] : AS_NOBODY;
}
