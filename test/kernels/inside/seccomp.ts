// The default seccomp profile of podman and CRI-O (Debian's golang-github-containers-common), which containerd's follows, in the
// form that runc takes: for one architecture and a set of capabilities.
import { readFileSync } from "node:fs";
import { z } from "zod";

export const SECCOMP_FILE = "/usr/share/containers/seccomp.json";
const ARCHITECTURES: Readonly<Record<string, { readonly name: string; readonly seccomp: string }>> = {
  x64: { name: "amd64", seccomp: "SCMP_ARCH_X86_64" },
  arm64: { name: "arm64", seccomp: "SCMP_ARCH_AARCH64" },
};

const condition = z.object({ arches: z.array(z.string()).default([]), caps: z.array(z.string()).default([]) });
const profile = z.object({
  defaultAction: z.string(),
  defaultErrnoRet: z.number().optional(),
  syscalls: z.array(
    z.object({
      names: z.array(z.string()),
      action: z.string(),
      errnoRet: z.number().optional(),
      args: z.array(z.object({ index: z.number(), value: z.number(), valueTwo: z.number(), op: z.string() })).nullish(),
      includes: condition.prefault({}),
      excludes: condition.prefault({}),
    }),
  ),
});

/** runtime-spec, config-linux.md#seccomp */
export function seccompOf(capabilities: readonly string[]): object {
  const { defaultAction, defaultErrnoRet, syscalls } = profile.parse(JSON.parse(readFileSync(SECCOMP_FILE, "utf8")));
  const architecture = ARCHITECTURES[process.arch]!;
  const isOurs = ({ includes, excludes }: (typeof syscalls)[number]): boolean =>
    (includes.arches.length === 0 || includes.arches.includes(architecture.name)) &&
    !excludes.arches.includes(architecture.name) &&
    includes.caps.every((name) => capabilities.includes(name)) &&
    !excludes.caps.some((name) => capabilities.includes(name));
  return {
    defaultAction,
    defaultErrnoRet,
    architectures: [architecture.seccomp],
    syscalls: syscalls.filter(isOurs).map(({ names, action, errnoRet, args }) => ({
      names,
      action,
      ...(errnoRet === undefined ? {} : { errnoRet }),
      ...(args == null ? {} : { args }),
    })),
  };
}
