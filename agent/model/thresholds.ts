// Thresholds that people see in more than one place. The alert rules are plain files, read by Prometheus alone; a test
// holds the two equal.

/** Above this share of lost probes a protocol of a pair is lossy: internode:threshold_loss_ratio of the rules. */
export const LOSSY_RATIO = 0.03;
