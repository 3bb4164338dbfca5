// Why the cluster could not be asked.

/** The cluster could not be asked; the message says what was tried and what would help. */
export class ClusterError extends Error {}

/** The API server refuses this to us; `rule` is the RBAC rule that would allow it. */
export class ForbiddenError extends ClusterError {}

/** There is no such object, or the cluster does not know its kind. */
export class AbsentError extends ClusterError {}
