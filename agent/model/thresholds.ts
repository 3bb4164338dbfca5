// Thresholds that people see in more than one place. The alert rules are plain files, read by Prometheus alone; a test
// holds the two equal.

/** Above this share of lost probes a protocol of a pair is lossy: internode:threshold_loss_ratio of the rules. */
export const LOSSY_RATIO = 0.03;

/** Above this share of a node's lookups DNS fails there: internode:threshold_dns_failure_ratio. */
export const DNS_FAILING_RATIO = 0.1;

/** Above this share of a node's connections to a Service its path fails: internode:threshold_service_failure_ratio. */
export const SERVICE_FAILING_RATIO = 0.1;
