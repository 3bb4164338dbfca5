// Types that several of the chart's values share.
import { z } from "zod";

export const flag = z.boolean();
export const text = z.string();
export const mapOfStrings = z.record(z.string(), z.string());
/** Kubernetes objects that the chart passes on as they are. */
export const objects = z.array(z.record(z.string(), z.unknown()));
/** Names of Kubernetes objects: RFC 1123 subdomains. */
export const objectName = z
  .string()
  .regex(/^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$/)
  .max(253);
/** An address with the length of its prefix; Kubernetes checks the address itself. */
export const cidr = z.string().regex(/^[0-9a-fA-F.:]+\/[0-9]{1,3}$/);
