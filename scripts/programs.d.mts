export const PROGRAMS: {
  readonly start: Readonly<Record<"ip" | "bridge" | "nft" | "setpriv" | "unshare", string>>;
  readonly test: Readonly<
    Record<
      | "tcpdump"
      | "ping"
      | "fping"
      | "traceroute"
      | "iperf3"
      | "conntrack"
      | "openssl"
      | "dnsmasq"
      | "prometheus"
      | "promtool"
      | "prometheus-alertmanager"
      | "amtool"
      | "chromium",
      string
    >
  >;
  readonly bench: Readonly<Record<"prometheus-smokeping-prober" | "strace", string>>;
};
/** Folders in which programs are looked for. */
export const SEARCHED: readonly string[];
export function missingPrograms<P extends string>(programs: readonly P[], folders?: readonly string[]): P[];
export function installLine(packages: readonly string[]): string;
export function canInstall(): boolean;
export function installPackages(packages: readonly string[]): Promise<string | undefined>;
